"""Visitors who say nothing, say it slowly or do not listen are let go; others are served all the while."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from routing.portal.web.connections import Patience
from tests.rigs.portal_sites import served
from tests.rigs.portals import PortalBench

HURRIED = Patience(
    head_seconds=0.3, body_seconds=0.3, bytes_a_second=1_000_000, read_seconds=0.3, look_seconds=0.05
)
ANY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY.check_hostname, ANY.verify_mode = False, ssl.CERT_NONE
LONG_SECONDS = 30
"""After which a test gives up; the portal lets go long before."""


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@contextmanager
def _connected(url: str) -> Iterator[ssl.SSLSocket]:
    """Gives a line to the portal; on a slow machine one may be let go before it stands, and tries again."""
    place = urlsplit(url)
    for _ in range(100):
        plain = socket.create_connection((place.hostname, place.port or 0), LONG_SECONDS)
        try:
            line = ANY.wrap_socket(plain)
        except OSError:
            plain.close()
            continue
        with line:
            yield line
        return
    raise AssertionError("nobody gets through")


def _say(line: ssl.SSLSocket, data: bytes) -> None:
    """Sends; on a slow machine the other end may have gone before."""
    with suppress(OSError):
        line.sendall(data)


def _is_let_go(line: socket.socket) -> bool:
    """Reads until the other end has ended the connection; fails where it never does."""
    try:
        while line.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _is_alive(url: str) -> bool:
    """Says whether another visitor is served; on a slow machine they too may be let go, and try again."""
    for _ in range(100):
        with suppress(httpx.TransportError):
            return httpx.get(f"{url}/liv", verify=ANY).text == "ok\n"
    return False


def _nothing(host: str) -> bytes:
    return b""


def _half_a_head(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n".encode()


def _half_a_body(host: str) -> bytes:
    return f"POST /b/x/send HTTP/1.1\r\nHost: {host}\r\nContent-Length: 60000\r\n\r\nmark=".encode()


def _half_a_second_head(host: str) -> bytes:
    return f"GET /liv HTTP/1.1\r\nHost: {host}\r\n\r\nGET /liv HTTP/1.1\r\n".encode()


@pytest.mark.parametrize("said", [_nothing, _half_a_head, _half_a_body, _half_a_second_head])
def test_who_keeps_the_portal_waiting_is_let_go(bench, said: Callable[[str], bytes]):
    with served(bench, HURRIED) as url, _connected(url) as line:
        _say(line, said(urlsplit(url).netloc))
        assert _is_let_go(line)
        assert _is_alive(url)


def test_who_does_not_begin_with_tls_is_let_go(bench):
    with served(bench, replace(HURRIED, tls_seconds=0.3)) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0), LONG_SECONDS) as line:
            assert _is_let_go(line)
        assert _is_alive(url)


def test_a_body_that_the_portal_wants_and_that_does_not_come_is_not_waited_for(bench):
    bench.send(bench.consignment())
    with served(bench, HURRIED) as url, _connected(url) as line:
        head = f"POST /b/{bench.token()}/send HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nmark"
        _say(line, (head + kind).encode())
        assert _is_let_go(line)


def test_who_does_not_read_the_answers_is_let_go(bench):
    with served(bench, HURRIED) as url, _connected(url) as line:
        ask = f"GET /portal.css HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()
        line.settimeout(LONG_SECONDS)
        with pytest.raises(OSError, match=r"(?i)reset|broken|eof|closed|abort"):
            while True:  # asks without end and reads nothing
                line.sendall(ask * 100)


def test_one_address_does_not_take_every_place(bench):
    with served(bench, Patience(per_address=3)) as url:
        with _connected(url) as first, _connected(url) as second, _connected(url) as third:
            with _connected(url) as fourth:
                assert _is_let_go(fourth)
            ask = f"GET /liv HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()
            for line in (first, second, third):
                line.sendall(ask)
                assert line.recv(65_536).startswith(b"HTTP/1.1 200")
        assert _is_alive(url)


@pytest.mark.parametrize(("proxy", "answered"), [("127.0.0.0/30", True), ("192.0.2.1", False)])
def test_without_tls_only_a_proxy_is_spoken_to(bench, proxy, answered):
    with served(bench, proxies=[proxy]) as url:
        place = urlsplit(url)
        with socket.create_connection(("127.0.0.1", place.port or 0), LONG_SECONDS) as line:
            try:
                line.sendall(f"GET /liv HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
                said = line.recv(65_536)
            except ConnectionError:
                said = b""
        assert said.startswith(b"HTTP/1.1 200") is answered


def test_a_proxy_has_as_many_lines_as_it_has_visitors(bench):
    with served(bench, Patience(per_address=1), ["127.0.0.1"]) as url:
        place = urlsplit(url)
        ask = f"GET /liv HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
        lines = [socket.create_connection(("127.0.0.1", place.port or 0), LONG_SECONDS) for _ in range(4)]
        for line in lines:
            line.sendall(ask)
            assert line.recv(65_536).startswith(b"HTTP/1.1 200")
            line.close()
