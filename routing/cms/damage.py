"""What cryptography raises about a certificate that is damaged, or of a kind it does not know.

Not all of it is a ValueError, and a certificate comes from anybody: whoever looks into one expects all of
these.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

DAMAGED: tuple[type[Exception], ...] = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
