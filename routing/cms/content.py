"""Loads a CMS message that came in, within limits that are checked before any of it is interpreted.

Relies on `ber` for linear time and on asn1crypto for the structure. Opens nothing and believes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from routing.cms.ber import definite
from schemas.errors import BadInput


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of a message that came in: bytes in all, layers within each other, names in a layer."""

    max_bytes: int = 64 * 1024 * 1024
    max_layers: int = 8
    max_recipients: int = 1_000
    max_signers: int = 16
    max_certificates: int = 64


DEFAULT_LIMITS = Limits()


def load_content(data: bytes, limits: Limits) -> Any:
    """Returns the ContentInfo; BadInput `cms.too_large` or `cms.form`."""
    if len(data) > limits.max_bytes:
        raise BadInput("cms.too_large", max_bytes=limits.max_bytes)
    from asn1crypto import cms

    with form_faults():
        return cms.ContentInfo.load(definite(data), strict=True)


@contextmanager
def form_faults() -> Iterator[None]:
    """Turns what asn1crypto and cryptography say about a damaged structure into BadInput `cms.form`.

    asn1crypto reads lazily, so this stands around every place that looks into a structure.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise BadInput("cms.form") from None
