"""Stands before every page: headers that a browser obeys, a limit on what comes in, and one answer to faults.

Plain ASGI. Relies on nothing of the core. An answer that it makes itself is short and says nothing about why.
Source: ASVS 3.4, 14.3.2, 16.5; facts/secure-mail 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL_BODY_BYTES = 64 * 1024

_POLICY = (
    "default-src 'none'; object-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'{origins}; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
)
_ALWAYS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "x-accel-buffering": "no",  # nginx would else write documents to its disk, in the clear
}


class BodyTooLarge(Exception):
    """More came in than this page takes."""


class Guard:
    """Wraps the application. `origins` are the providers that a form may lead to."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        origin: str,
        origins: tuple[str, ...],
        large_body: Callable[[str], int],
        on_fault: Callable[[Scope, Exception], Any],
    ) -> None:
        self._app = app
        self._host = host
        self._origin = origin
        self._policy = _POLICY.format(origins="".join(f" {one}" for one in origins))
        self._large_body = large_body
        self._on_fault = on_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._harden(MutableHeaders(scope=message))
            await send(message)

        try:
            if not self._welcome(scope):
                raise Unwelcome
            await self._app(scope, self._counted(scope, receive), guarded)
        except Exception as error:
            if begun:
                raise
            response = await self._on_fault(scope, error)
            await response(scope, receive, guarded)

    def _welcome(self, scope: Scope) -> bool:
        """Says whether a request is for us, and if it changes anything, whether it comes from our own page.

        With `no-referrer` a browser says `Origin: null` on its own forms; any other origin is a stranger's.
        """
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() != self._host:
            return False
        if scope["method"] in ("GET", "HEAD"):
            return True
        origin, site = headers.get("origin", "null"), headers.get("sec-fetch-site", "same-origin")
        return origin in ("null", self._origin) and site in ("same-origin", "none")

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        limit = max(SMALL_BODY_BYTES, self._large_body(scope["path"]))
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > limit:
                raise BodyTooLarge
            return message

        return counted

    def _harden(self, headers: MutableHeaders) -> None:
        for name, value in _ALWAYS.items():
            headers[name] = value
        headers.setdefault("content-security-policy", self._policy)
        headers.setdefault("x-frame-options", "DENY")
        headers.setdefault("cache-control", "no-store")


class Unwelcome(Exception):
    """A request for another host, or a form from another site."""
