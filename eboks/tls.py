"""Makes the one TLS context of a channel and says, in stable codes, what is wrong with a certificate.

Relies on the standard library's TLS and, for looking into certificates, on cryptography. TLS 1.2 at least,
the server's name and authority always verified, our own certificate always shown. Opens no connection.
"""

from __future__ import annotations

import ssl
import stat
from datetime import datetime
from pathlib import Path

from schemas.errors import ConfigurationError

DAYS_OF_WARNING = 60

# X509_V_ERR_… of OpenSSL, as `SSLCertVerificationError.verify_code` gives them.
_VERIFY_CODES = {
    9: "tls.server_certificate_not_yet_valid",
    10: "tls.server_certificate_expired",
    18: "tls.server_unknown_authority",
    19: "tls.server_unknown_authority",
    20: "tls.server_unknown_authority",
    21: "tls.server_unknown_authority",
    62: "tls.server_wrong_host",
    64: "tls.server_wrong_host",
}
# Alerts that a server sends when it does not like the certificate we showed, or that we showed none.
_REFUSALS = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
    "ALERT_DECRYPT_ERROR",
    "ALERT_HANDSHAKE_FAILURE",
)
_VERSION_FAULTS = ("ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE")
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def make_context(certificate: Path, key: Path, authority: Path | None) -> ssl.SSLContext:
    """Returns the context for every connection of a channel; make it once.

    `authority` is the file of the authorities we trust the server by; None means the machine's own list.
    Raises ConfigurationError `tls.authority_unreadable`, `tls.certificate_unreadable`, `tls.key_unreadable`
    or `tls.key_mismatch`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    _trust(context, authority)
    certificate, key = standing_pair(certificate, key)
    _demand_readable(certificate, "tls.certificate_unreadable")
    _demand_readable(key, "tls.key_unreadable")
    try:
        # A key with a password must not make a service ask a terminal for it.
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigurationError(_chain_fault(error, certificate)) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError("tls.key_unreadable") from error
    return context


def standing_pair(certificate: Path, key: Path) -> tuple[Path, Path]:
    """Returns both files as they stand now, links resolved.

    Files of one folder are found by resolving the folder once: a certificate is renewed by turning a link to
    another folder, and a turn between two looks must not give the new certificate with the old key.
    """
    if certificate.parent != key.parent:
        return certificate, key
    folder = certificate.parent.resolve()
    return folder / certificate.name, folder / key.name


def check_key_mode(key: Path) -> None:
    """Raises ConfigurationError `tls.key_open_to_others` when group or others may touch the key file."""
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except OSError as error:
        raise ConfigurationError("tls.key_unreadable") from error
    if mode & 0o077:
        raise ConfigurationError("tls.key_open_to_others", mode=f"{mode:04o}")


def days_left(certificate: Path, now: datetime) -> int:
    """Returns how many whole days our certificate still holds.

    Raises ConfigurationError `tls.certificate_unreadable`, `tls.certificate_expired` or
    `tls.certificate_not_yet_valid`.
    """
    from cryptography import x509

    try:
        ours = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError("tls.certificate_unreadable") from error
    if now < ours.not_valid_before_utc:
        raise ConfigurationError("tls.certificate_not_yet_valid")
    if now >= ours.not_valid_after_utc:
        raise ConfigurationError("tls.certificate_expired")
    return (ours.not_valid_after_utc - now).days


def fault_of(error: ssl.SSLError) -> ConfigurationError | None:
    """Returns what a TLS failure says about certificates or versions; None when it says nothing lasting."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigurationError(_VERIFY_CODES.get(error.verify_code, "tls.server_certificate_bad"))
    reason = error.reason or ""
    if reason.endswith(_REFUSALS):
        return ConfigurationError("tls.client_certificate_refused")
    if reason.endswith(_VERSION_FAULTS):
        return ConfigurationError("tls.no_common_version")
    return ConfigurationError("tls.not_tls") if reason.endswith(_NOT_TLS) else None


def is_refusal(error: Exception | None) -> bool:
    """Says whether this failure is the other side's alert about the certificate we showed."""
    return isinstance(error, ssl.SSLError) and (error.reason or "").endswith(_REFUSALS)


def _trust(context: ssl.SSLContext, authority: Path | None) -> None:
    try:
        if authority is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(authority)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError("tls.authority_unreadable") from error


def _demand_readable(path: Path, code: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(code) from error


def _chain_fault(error: ssl.SSLError, certificate: Path) -> str:
    """Returns the code for a pair that did not load: which of the two it is, the library does not say."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return "tls.key_mismatch"
    from cryptography import x509

    try:
        x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return "tls.certificate_unreadable"
    return "tls.key_unreadable"


def _no_password() -> str:
    raise ValueError("the key is locked with a password")
