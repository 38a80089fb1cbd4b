"""The verdict on a certificate: usable, or refused by a stable code.

Values only; the texts of the codes stand in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from schemas.consignments import NOTHING


class Purpose(StrEnum):
    """What a certificate is to be used for."""

    ENCRYPT = "encrypt"
    SIGN = "sign"


class RevocationState(StrEnum):
    """How it was found out that a certificate is not revoked.

    `fresh` by a list or an answer that still holds, `grace` by one that has run out a short time ago,
    `undeclared` when its issuer names no place to ask, `off` when the settings say not to ask.
    """

    FRESH = "fresh"
    GRACE = "grace"
    UNDECLARED = "undeclared"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a certificate may not be used: a code and safe parameters."""

    code: str
    params: Mapping[str, object] = NOTHING


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about one certificate at one time; `refusal` is None when it may be used."""

    certificate: x509.Certificate = field(repr=False)
    fingerprint: str
    judged_at: datetime
    refusal: Refusal | None = None
    revocation: RevocationState | None = None

    @property
    def usable(self) -> bool:
        return self.refusal is None

    @property
    def days_left(self) -> int:
        """Whole days until the certificate runs out."""
        return (self.certificate.not_valid_after_utc - self.judged_at).days
