"""Looks at a channel's set-up before anything is sent: address, certificate, key, and one TLS handshake.

Relies on `tls` and a blocking socket. Sends not one byte of HTTP. Decides what is wrong, not what to do.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import datetime
from urllib.parse import urlsplit

from eboks.tls import check_key_mode, days_left, fault_of
from schemas.eboks_settings import EboksSettings
from schemas.errors import ConfigurationError, ServiceDown

_CONTACT_SECONDS = 5.0
_HEAR_OUT_SECONDS = 0.3


def demand_fitting_host(url: str, *, simulated: bool) -> None:
    """Raises ConfigurationError when a simulated house points off this machine, or a live one at it.

    Codes `eboks.simulated_needs_loopback`, `eboks.live_on_loopback`. Goes by what is written: a name that
    merely resolves to loopback is not one.
    """
    if simulated and not _is_loopback(url):
        raise ConfigurationError("eboks.simulated_needs_loopback")
    if not simulated and _is_loopback(url):
        raise ConfigurationError("eboks.live_on_loopback")


def check_own_certificate(channel: EboksSettings, now: datetime) -> int:
    """Returns the days our certificate still holds; raises ConfigurationError for it or its key."""
    check_key_mode(channel.key)
    return days_left(channel.certificate, now)


def contact(url: str, context: ssl.SSLContext) -> None:
    """Makes one TLS connection, hears the server out for a moment and closes.

    Raises ConfigurationError when a certificate is refused on either side, ServiceDown `eboks.not_reached`
    when nobody answers.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), _CONTACT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            _hear_out(secure)
    except ssl.SSLError as error:
        raise fault_of(error) or ServiceDown("eboks.not_reached") from error
    except OSError as error:
        raise ServiceDown("eboks.not_reached") from error


def _hear_out(secure: ssl.SSLSocket) -> None:
    """Waits for an alert: in TLS 1.3 a server judges our certificate after our side has finished."""
    secure.settimeout(_HEAR_OUT_SECONDS)
    try:
        secure.recv(1)
    except TimeoutError:
        return


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
