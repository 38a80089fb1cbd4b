"""The portal's one HTTP stack towards others: brokers and gateways, by verified TLS, with little patience.

The only module of the portal that imports httpx, and lazily. No redirects, no proxies, no environment, no
cookies, no inflating; an answer is read to a limit and a call ends at its deadline. Judges no status.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

from schemas.errors import ConfigurationError, InDoubt, Transient

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 256 * 1024
MAX_SECRET_BYTES = 16 * 1024
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Hosts = Literal["https", "https_or_loopback", "loopback"]
"""Where calls may go: a live house knows `https` alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; nothing in it is to be believed. A body that is too large or packed is empty."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Returns the JSON object of the body; raises Transient `portal.outward_unreadable`."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Transient("portal.outward_unreadable")
        return value


class Outward:
    """Calls of one neighbour; keeps no connection between them."""

    def __init__(self, hosts: Hosts, ca: Path | None, timeout_seconds: float) -> None:
        """`ca` is a file of authorities in place of the system's."""
        self._hosts = hosts
        self._ca = ca
        self._timeout_seconds = timeout_seconds

    def demand(self, url: str) -> str:
        """Returns an address that may be called; raises ConfigurationError `portal.outward_address`."""
        try:
            parts = urlsplit(url)
            host, scheme, plain = parts.hostname or "", parts.scheme, parts.username is None
        except ValueError:
            raise ConfigurationError("portal.outward_address") from None
        at_home = host in LOOPBACK
        fits = at_home if self._hosts == "loopback" else True
        secure = scheme == "https" or (scheme == "http" and at_home and self._hosts != "https")
        if not (host and plain and fits and secure):
            raise ConfigurationError("portal.outward_address")
        return url

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Asks; errors as `call`."""
        return await self.call("GET", url, headers or {}, b"")

    async def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Sends a form; errors as `call`."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.call("POST", url, {**headers, **kind}, urlencode(fields).encode())

    async def post_json(self, url: str, value: object, headers: Mapping[str, str]) -> Answer:
        """Sends a JSON text; errors as `call`."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return await self.call("POST", url, {**headers, "Content-Type": "application/json"}, body)

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Makes one call, once.

        Raises Transient `portal.outward_unreachable` with `reached=False` when nothing was sent, InDoubt
        `portal.outward_no_answer` when it may have been, and ConfigurationError for a certificate that does
        not hold or an address that may not be called.
        """
        import httpx

        self.demand(url)
        try:
            async with asyncio.timeout(self._timeout_seconds), self._client() as client:
                return await self._exchange(
                    client, client.build_request(method, url, headers=headers, content=body)
                )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if _is_certificate_fault(error):
                raise ConfigurationError("portal.outward_certificate") from None
            raise Transient("portal.outward_unreachable", reached=False) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OSError):
            raise InDoubt("portal.outward_no_answer") from None

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        response = await client.send(request, stream=True)
        status = response.status_code
        try:
            # The status stands, whatever follows it: a gateway that took a message has taken it.
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                return Answer(status, b"")
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    return Answer(status, b"")
            return Answer(status, bytes(body))
        finally:
            await response.aclose()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        # httpx writes whole addresses at INFO.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return httpx.AsyncClient(
            verify=self._context,
            timeout=httpx.Timeout(self._timeout_seconds),
            trust_env=False,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "Accept": "application/json", "User-Agent": "brevdue"},
        )

    @cached_property
    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca)
        except (OSError, ssl.SSLError):
            raise ConfigurationError("portal.outward_ca") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def read_secret(path: Path) -> bytes:
    """Returns what a secret's file holds, without blanks around it.

    Raises ConfigurationError `portal.secret_missing`, `portal.secret_open_to_others` or
    `portal.secret_unfit`.
    """
    try:
        # A pipe under a secret's name must not make us wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        raise ConfigurationError("portal.secret_missing", file=path.name) from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if mode & 0o077:
            raise ConfigurationError("portal.secret_open_to_others", file=path.name)
        content = file.read(MAX_SECRET_BYTES + 1) if stat.S_ISREG(mode) else b""
    if not content.strip() or len(content) > MAX_SECRET_BYTES:
        raise ConfigurationError("portal.secret_unfit", file=path.name)
    return content.strip()


def read_token(path: Path) -> str:
    """Returns a secret of printable ASCII in one line; errors as `read_secret`."""
    text = read_secret(path).decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise ConfigurationError("portal.secret_unfit", file=path.name)
    return text


def _is_certificate_fault(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
