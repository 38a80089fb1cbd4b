"""A channel's own signature on what it sends, and the partner's on what comes back (`security = "signed"`).

Relies on `wsse`, which takes the extra of that name. Reads certificate and key once. Says nothing of what an
answer means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eboks.soap.wsse import SignatureRefused, sign, signing_key, verify
from eboks.tls import standing_pair
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509
    from lxml import etree

    from eboks.soap.wsse import SigningKey


class Seal:
    """Signs with our certificate, which is the one we show in TLS, and trusts one partner's and no other."""

    def __init__(self, certificate: Path, key: Path, partner: Path, now: Callable[[], datetime]) -> None:
        self._files = *standing_pair(certificate, key), partner
        self._now = now

    def check(self) -> None:
        """Reads the files; raises ConfigurationError when one can't be used, or xmlsec is missing."""
        _ = self._key, self._certificate, self._partner

    def put_on(self, envelope: bytes) -> bytes:
        """Returns the envelope signed; raises ConfigurationError."""
        return sign(envelope, self._key, self._certificate, self._now())

    def broken(self, root: etree._Element) -> str:
        """Returns why an answer is not the partner's word, empty when it is."""
        try:
            verify(root, self._partner, self._now())
        except SignatureRefused as error:
            return error.code
        return ""

    @cached_property
    def _key(self) -> SigningKey:
        return signing_key(_content(self._files[1], "tls.key_unreadable"))

    @cached_property
    def _certificate(self) -> x509.Certificate:
        return _certificate(self._files[0], "tls.certificate_unreadable")

    @cached_property
    def _partner(self) -> x509.Certificate:
        return _certificate(self._files[2], "wsse.partner_unreadable")


def _certificate(path: Path, code: str) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(_content(path, code))
    except ValueError as error:
        raise ConfigurationError(code) from error


def _content(path: Path, code: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(code) from error
