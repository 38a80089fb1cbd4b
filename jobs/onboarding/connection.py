"""Tries a sender's way to e-Boks step by step: name, port, TLS, both certificates, and the clock.

Relies on `eboks.tls` for the context that letters will use and for what a TLS failure means. Sends one
`GET /` and no letter. A step that fails ends the trial: what lies behind it can't be seen.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from eboks.rest_check import demand_fitting_host
from eboks.tls import fault_of, make_context
from jobs.onboarding.checks import Check, bad, fault, good, note
from schemas.errors import Coded, ConfigurationError

PATIENCE_SECONDS = 8.0
CLOCK_NOTE_SECONDS, CLOCK_BAD_SECONDS = 30, 300
_SIMULATOR_MARK = "x-brevdue-simulator"
_OF_THE_SERVER = "tls.server_"


@dataclass(frozen=True, slots=True)
class Way:
    """Where a channel goes and what it shows there; no `authority` means the machine's own list."""

    channel: str
    url: str
    certificate: Path
    key: Path
    authority: Path | None
    simulated: bool

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443


class _Ended(Exception):
    """The trial can't go on; carries the verdict."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.code)
        self.check = check


def try_connection(way: Way, now: Callable[[], datetime]) -> list[Check]:
    """Returns a verdict for every step that could be taken."""
    checks: list[Check] = []
    try:
        checks.append(_fit(way))
        addresses = _find(way)
        checks.append(good("connection.name", way.channel, addresses=len(addresses)))
        with _reach(way) as plain:
            checks.append(good("connection.port", way.channel, port=way.port))
            checks += _talk(way, plain, now)
    except _Ended as ended:
        checks.append(ended.check)
    return checks


def check_public_address(address: str, *, reached: bool) -> Check:
    """Says what e-Boks must know of our address (facts/eboks f.2); once we got through, it knows it."""
    if not address:
        return note("connection.address", "connection.no_address")
    if not ipaddress.ip_address(address).is_global:
        return note("connection.address", "connection.private_address", address=address)
    if reached:
        return good("connection.address", address=address)
    return note("connection.address", "connection.allow_address", address=address)


def _fit(way: Way) -> Check:
    try:
        demand_fitting_host(way.url, simulated=way.simulated)
    except ConfigurationError as error:
        raise _Ended(fault("connection.mode", error, way.channel)) from None
    return good("connection.mode", way.channel)


def _find(way: Way) -> set[str]:
    try:
        found = socket.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        check = bad("connection.name", "connection.not_found", way.channel, host=way.host)
        raise _Ended(check) from None
    return {str(one[4][0]) for one in found}


def _reach(way: Way) -> socket.socket:
    about = {"host": way.host, "port": way.port}
    try:
        return socket.create_connection((way.host, way.port), PATIENCE_SECONDS)
    except TimeoutError:
        code = "connection.timeout"
    except ConnectionRefusedError:
        code = "connection.refused"
    except OSError:
        code = "connection.no_route"
    raise _Ended(Check("connection.port", code, about, "bad", way.channel, unreached=True))


def _talk(way: Way, plain: socket.socket, now: Callable[[], datetime]) -> list[Check]:
    """Shakes hands and asks one question; returns the verdicts on TLS, both certificates and the clock."""
    checks: list[Check] = []
    try:
        context = make_context(way.certificate, way.key, way.authority)
        with context.wrap_socket(plain, server_hostname=way.host) as secure:
            checks += _seen(way, secure, now())
            checks += _answer(way, secure, now)
    except ConfigurationError as error:
        checks.append(fault("connection.certificate", error, way.channel))
    except ssl.SSLError as error:
        checks.append(_broken(way, fault_of(error), shaken=bool(checks)))
    except (OSError, http.client.HTTPException):
        checks.append(_broken(way, None, shaken=bool(checks)))
    return checks


def _seen(way: Way, secure: ssl.SSLSocket, now: datetime) -> list[Check]:
    certificate = secure.getpeercert() or {}
    until_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    issuer = _name(certificate.get("issuer"))
    return [
        good("connection.tls", way.channel, version=secure.version() or ""),
        good("connection.server", way.channel, issuer=issuer, days=(until_at - now).days),
    ]


def _answer(way: Way, secure: ssl.SSLSocket, now: Callable[[], datetime]) -> list[Check]:
    """Asks, and reads the head of the answer: that there is one shows that our certificate was let in."""
    secure.settimeout(PATIENCE_SECONDS)
    host = f"[{way.host}]" if ":" in way.host else way.host
    asked_at = now()
    secure.sendall(
        f"GET / HTTP/1.1\r\nHost: {host}:{way.port}\r\nUser-Agent: brevdue\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    reply = http.client.HTTPResponse(secure)
    reply.begin()
    middle = asked_at + (now() - asked_at) / 2
    if not way.simulated and reply.getheader(_SIMULATOR_MARK):
        return [bad("connection.certificate", "eboks.simulator_in_live", way.channel)]
    return [good("connection.certificate", way.channel), _clock(way, reply.getheader("Date"), middle)]


def _clock(way: Way, date: str | None, now: datetime) -> Check:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return note("connection.clock", "connection.no_date", way.channel)
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    off = round((now - theirs).total_seconds())
    if abs(off) < CLOCK_NOTE_SECONDS:
        return good("connection.clock", way.channel, seconds=off)
    make = bad if abs(off) >= CLOCK_BAD_SECONDS else note
    return make("connection.clock", "connection.clock_off", way.channel, seconds=off)


def _broken(way: Way, lasting: Coded | None, *, shaken: bool) -> Check:
    """Returns the verdict of a connection that broke.

    In TLS 1.3 a server judges our certificate when our side has already `shaken` hands, and it may hang up
    without a word.
    """
    error = lasting or ConfigurationError("tls.handshake_cut")
    if error.code.startswith(_OF_THE_SERVER):
        point = "connection.server"
    elif error.code == "tls.client_certificate_refused" or shaken:
        point = "connection.certificate"
    else:
        point = "connection.tls"
    return fault(point, error, way.channel)


def _name(parts: object) -> str:
    """Returns the last word of a name as the library gives it: its common name, or its organisation."""
    words = {key: value for group in parts for key, value in group} if isinstance(parts, tuple) else {}
    return str(words.get("commonName") or words.get("organizationName") or "")
