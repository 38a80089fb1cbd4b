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
from eboks.wire_replies import Headers, RawReply

# httpx writes whole addresses at INFO, and a look-up's address names its recipient.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_ALWAYS = {"Accept-Encoding": "identity", "User-Agent": "brevdue"}
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""Headers that the connection itself writes."""


class ThinTransport(httpx.AsyncBaseTransport):
    """httpx's transport over a pool; also serves an `httpx.AsyncClient` (see `Wire.client`).

    Gives the response `extensions`: `fault` (why the rest of the reply was not read, else empty),
    `whole_request` and `facts` (TLS). Raises the pool's errors, not httpx's.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = [header for header in request.headers.raw if header[0].lower() not in _FRAMING]
        call = Call(request.method, request.url.raw_path, headers, body)
        reply, connection = await self._pool.call(call)
        _refuse_encoded(reply)
        extensions = {
            "fault": reply.fault,
            "whole_request": connection.handed_over,
            "facts": connection.facts,
        }
        return httpx.Response(
            reply.status, headers=reply.headers, content=reply.body, extensions=extensions, request=request
        )

    async def aclose(self) -> None:
        await self._pool.close()


def _refuse_encoded(reply: RawReply) -> None:
    """Drops a body that came in another form than the plain one we asked for: nothing here inflates."""
    encodings = [value.lower() for name, value in reply.headers if name == b"content-encoding"]
    if any(encoding != b"identity" for encoding in encodings):
        reply.headers = [(name, value) for name, value in reply.headers if name != b"content-encoding"]
        reply.body, reply.fault = b"", reply.fault or "http.reply_encoded"


class Wire:
    """Calls to one e-Boks host, with one bounded pool of kept-alive connections.

    `context` gives the TLS context of each new connection; another one than before retires the old ones.
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
        host, port = self._base.host, self._base.port or 443
        self._pool = Pool(Endpoint(host, port, parallel, deadline_seconds, max_reply_bytes), context)
        self._transport = ThinTransport(self._pool)
        self._letter_head = [
            (b"Host", self._base.netloc),
            *((name.encode(), value.encode()) for name, value in _ALWAYS.items()),
        ]

    async def put(self, path: str, body: bytes, content_type: str) -> Reply:
        """Sends a body; raises Transient, InDoubt or ConfigurationError when there is no reply."""
        return await self._hand_over("PUT", path, body, [(b"Content-Type", content_type.encode())])

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], *, changes_nothing: bool = False
    ) -> Reply:
        """Sends a body; raises as `put` does, never InDoubt for a question that `changes_nothing`."""
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        return await self._hand_over("POST", path, body, named, changes_nothing=changes_nothing)

    async def _hand_over(
        self, method: str, path: str, body: bytes, headers: Headers, *, changes_nothing: bool = False
    ) -> Reply:
        # The hot path: a letter goes to the pool itself. httpx's objects for it (address, request, response)
        # cost more than half of its way over the wire and add nothing here (facts/speed).
        call = Call(method, path.encode("ascii"), [*self._letter_head, *headers], body, changes_nothing)
        reply, connection = await self._pool.call(call)
        _refuse_encoded(reply)
        return Reply(
            reply.status,
            {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers},
            reply.body,
            reply.fault,
            connection.handed_over,
            connection.facts,
        )

    async def get(self, path_and_query: str, accept: str = "*/*") -> Reply:
        """Asks; raises Transient or ConfigurationError when there is no reply."""
        return await self._ask(path_and_query, {"Accept": accept})

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

    async def _ask(self, target: str, headers: Mapping[str, str]) -> Reply:
        # We pass by httpx's client: its hooks, cookies and redirects cost more than the whole way and we
        # want none of them (facts/speed).
        url = self._base.copy_with(raw_path=target.encode("ascii"))
        request = httpx.Request("GET", url, headers={**_ALWAYS, **headers})
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
