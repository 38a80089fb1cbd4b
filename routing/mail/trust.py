"""Makes the TLS contexts of mail and says, in stable codes, what is wrong with a peer.

Relies on the standard library's TLS and, for looking into certificates, on cryptography. TLS 1.2 at least,
always. Opens no connection; for DANE see `dane`.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from routing.mail.demands import Demand, Evidence
from schemas.errors import ConfigurationError

MAX_NAME = 200

# X509_V_ERR_… of OpenSSL, as `SSLCertVerificationError.verify_code` gives them.
_VERIFY_CODES = {
    9: "starttls.certificate_not_yet_valid",
    10: "starttls.certificate_expired",
    18: "starttls.self_signed",
    19: "starttls.unknown_authority",
    20: "starttls.unknown_authority",
    21: "starttls.unknown_authority",
    62: "starttls.wrong_name",
    64: "starttls.wrong_name",
}
_VERSION_FAULTS = (
    "ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "ALERT_INSUFFICIENT_SECURITY",
    "ALERT_HANDSHAKE_FAILURE",
    "VERSION_TOO_LOW",
    "NO_SHARED_CIPHER",
)


@dataclass(frozen=True, slots=True)
class Peer:
    """What the other side showed in the handshake; the certificates are DER, its own first."""

    tls_version: str
    cipher: str
    chain: tuple[bytes, ...] = field(repr=False)

    @property
    def certificate(self) -> bytes:
        return self.chain[0] if self.chain else b""

    def onto(self, evidence: Evidence) -> Evidence:
        """Returns the evidence with what this peer showed."""
        told = replace(evidence, tls_version=self.tls_version, cipher=self.cipher)
        if not self.certificate:
            return told
        digest = hashlib.sha256(self.certificate).hexdigest()
        return _with_names(replace(told, certificate_sha256=digest), self.certificate)


class Trust:
    """The two contexts: one that takes any certificate, and one that verifies authority and name.

    `roots` is the file of the authorities we trust mail servers by; None means the machine's own list. Raises
    ConfigurationError `starttls.roots_unreadable` when it is first used.
    """

    def __init__(self, roots: Path | None) -> None:
        self._roots = roots

    def context(self, demand: Demand) -> ssl.SSLContext:
        return self.verifying if demand.verifies else self._insecure_any_certificate

    @cached_property
    def verifying(self) -> ssl.SSLContext:
        """Demands a chain to our roots and the server's name as a DNS name in the certificate."""
        context = _base()
        context.hostname_checks_common_name = False
        try:
            if self._roots is None:
                context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            else:
                context.load_verify_locations(self._roots)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError("starttls.roots_unreadable") from error
        return context

    @cached_property
    def _insecure_any_certificate(self) -> ssl.SSLContext:
        """For `encrypt`, which is asked for by name, and for DANE, whose check is ours and not OpenSSL's."""
        context = _base()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def fault_code(error: ssl.SSLError) -> str:
    """Returns what a failed handshake says about the peer; empty when it says nothing lasting."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, "starttls.certificate_bad")
    return "starttls.no_common_version" if (error.reason or "").endswith(_VERSION_FAULTS) else ""


def peer_of(tls: ssl.SSLObject) -> Peer:
    """Returns what the peer showed; the chain is as it sent it, verified or not."""
    cipher = tls.cipher()
    return Peer(tls.version() or "", cipher[0] if cipher else "", _chain(tls))


def _base() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    # Public from Python 3.13; before that the inner object has it, and a Certificate gives its PEM alone.
    inner: Any = getattr(tls, "_sslobj", None)
    own = tls.getpeercert(binary_form=True)
    try:
        sent = [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_unverified_chain() or ()]
    except (AttributeError, TypeError, ValueError):
        return (own,) if own else ()
    return tuple(sent) or ((own,) if own else ())


def _with_names(evidence: Evidence, certificate: bytes) -> Evidence:
    from cryptography import x509

    try:
        read = x509.load_der_x509_certificate(certificate)
        return replace(
            evidence,
            subject=read.subject.rfc4514_string()[:MAX_NAME],
            issuer=read.issuer.rfc4514_string()[:MAX_NAME],
            not_after=read.not_valid_after_utc.isoformat(timespec="seconds"),
        )
    except ValueError:
        return evidence  # at level `encrypt` even a certificate that nobody can read will do
