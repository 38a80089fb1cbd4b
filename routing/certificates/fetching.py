"""Fetches a revocation list or an OCSP answer over plain HTTP, within a deadline and a size.

Relies on the standard library, in a thread. These are signed, so HTTP needs no TLS (RFC 5280 8). Follows no
redirect and no proxy of the environment. Believes nothing of what it gets: see `chains`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 32 * 1024 * 1024
DEADLINE_SECONDS = 15.0
OCSP_REQUEST = "application/ocsp-request"

Fetch = Callable[[str, bytes | None], Awaitable[bytes]]
"""Gets a URL, or posts an OCSP request to it; raises OSError when there is no whole answer."""


async def fetch_over_http(url: str, request: bytes | None = None) -> bytes:
    """Returns the body; OSError for anything but a whole answer with status 200 in time."""
    return await asyncio.to_thread(_fetch, url, request)


async def fetch_on_loopback(url: str, request: bytes | None = None) -> bytes:
    """The same for a rehearsal, which asks nobody but this machine: any other place counts as silent."""
    host = urlsplit(url).hostname or ""
    try:
        on_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        on_loopback = host == "localhost"
    if not on_loopback:
        raise OSError("not on this machine")
    return await fetch_over_http(url, request)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _fetch(url: str, request: bytes | None) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise OSError("not over HTTP")
    deadline = time.monotonic() + DEADLINE_SECONDS
    headers = {"Content-Type": OCSP_REQUEST} if request is not None else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    asked = urllib.request.Request(url, data=request, headers=headers)
    try:
        with opener.open(asked, timeout=DEADLINE_SECONDS / 3) as answer:
            return _read(answer, deadline)
    except (HTTPException, ValueError) as error:
        raise OSError("no HTTP answer") from error


def _read(answer: Any, deadline: float) -> bytes:
    parts: list[bytes] = []
    while part := answer.read1(65_536):
        parts.append(part)
        if time.monotonic() > deadline or sum(map(len, parts)) > MAX_BYTES:
            raise OSError("too long")
    length = answer.headers.get("Content-Length")
    body = b"".join(parts)
    if length is not None and length != str(len(body)):
        raise OSError("cut off")
    return body
