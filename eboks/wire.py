"""The one HTTP stack towards e-Boks: httpx's interface over our own thin transport.

The only module that imports httpx; import it lazily. Relies on `wire_pool` for connections, deadlines and the
errors that say how far a request had come. No redirects, no proxies, no environment, no cookies, no
inflating: a reply is what came, at most `max_reply_bytes` of it. Judges no status: see `verdicts`.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping

import httpx

from eboks.replies import Reply
from eboks.wire_pool import Call, Endpoint, Pool

# httpx writes whole addresses at INFO, and a look-up's address names its recipient.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_ALWAYS = {"Accept-Encoding": "identity", "User-Agent": "brevdue"}


class ThinTransport(httpx.AsyncBaseTransport):
    """httpx's transport over a pool; also serves an `httpx.AsyncClient` (see `Wire.client`).

    Gives the response `extensions`: `fault` (why the rest of the reply was not read, else empty),
    `whole_request` and `facts` (TLS). Raises the pool's errors, not httpx's.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        call = Call(request.method, request.url.raw_path, request.headers.raw, body)
        reply, connection = await self._pool.call(call)
        headers, fault = reply.headers, reply.fault
        if any(name == b"content-encoding" and value.lower() != b"identity" for name, value in headers):
            # httpx would inflate it without a limit; we asked for the plain form.
            headers = [(name, value) for name, value in headers if name != b"content-encoding"]
            reply.body, fault = b"", fault or "http.reply_encoded"
        extensions = {
            "fault": fault,
            "whole_request": connection.handed_over,
            "facts": connection.facts,
        }
        return httpx.Response(
            reply.status, headers=headers, content=reply.body, extensions=extensions, request=request
        )

    async def aclose(self) -> None:
        await self._pool.close()


class Wire:
    """Calls to one e-Boks host, with one TLS context and one bounded pool of kept-alive connections.

    `context` is asked for once, at the first connection.
    """

    def __init__(
        self,
        url: str,
        context: Callable[[], ssl.SSLContext],
        *,
        parallel: int,
        deadline_seconds: float,
        max_reply_bytes: int,
    ) -> None:
        self._base = httpx.URL(url)
        self._transport = ThinTransport(
            Pool(
                Endpoint(
                    self._base.host, self._base.port or 443, parallel, deadline_seconds, max_reply_bytes
                ),
                context,
            )
        )

    async def put(self, path: str, body: bytes, content_type: str) -> Reply:
        """Sends a body; raises Transient, InDoubt or ConfigurationError when there is no reply."""
        return await self._call("PUT", path, body, {"Content-Type": content_type})

    async def get(self, path_and_query: str, accept: str = "*/*") -> Reply:
        """Asks; raises Transient or ConfigurationError when there is no reply."""
        return await self._call("GET", path_and_query, b"", {"Accept": accept})

    def client(self) -> httpx.AsyncClient:
        """Returns an httpx client over the same connections and limits, for a library that wants one."""
        return httpx.AsyncClient(
            transport=self._transport,
            base_url=self._base,
            headers=_ALWAYS,
            timeout=None,  # the pool puts a total deadline around every call
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    async def _call(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        # We pass by httpx's client: its hooks, cookies and redirects cost more than the whole way and we
        # want none of them (facts/speed).
        url = self._base.copy_with(raw_path=target.encode("ascii"))
        request = httpx.Request(method, url, headers={**_ALWAYS, **headers}, content=body or None)
        response = await self._transport.handle_async_request(request)
        extensions = response.extensions
        return Reply(
            response.status_code,
            response.headers,
            response.content,
            extensions["fault"],
            extensions["whole_request"],
            extensions["facts"],
        )
