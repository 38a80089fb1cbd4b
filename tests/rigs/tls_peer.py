"""A bare TLS server for tests of the wire: it does to a connection exactly what the test writes down.

Relies on asyncio alone, on a thread of its own. Knows no HTTP: the test's handler reads and writes bytes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from eboks.simulator.certificates import CertificateFolder

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def tls_peer(
    certificates: CertificateFolder, act: Act, version: ssl.TLSVersion | None = None
) -> Iterator[str]:
    """Serves on loopback for the block and gives the address; `version` fixes the TLS version."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-peer", daemon=True)
    thread.start()

    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            with suppress(OSError, EOFError):
                await act(reader, writer)
        finally:
            writer.close()

    try:
        server = asyncio.run_coroutine_threadsafe(
            _serve(handle, _context(certificates, version)), loop
        ).result(60)
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asyncio.run_coroutine_threadsafe(_stop(server, writers), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@contextmanager
def refusing_peer(
    certificates: CertificateFolder, version: ssl.TLSVersion | None
) -> Iterator[tuple[str, list[bytes]]]:
    """Takes one connection and gives the address and what was read on it.

    Blocking, because asyncio's server hangs up on a bad certificate without the alert that others send.
    """
    read: list[bytes] = []

    def talk(plain: socket.socket) -> None:
        with (
            suppress(OSError),
            _context(certificates, version).wrap_socket(plain, server_side=True) as secure,
        ):
            read.append(secure.recv(1))

    with _one_connection(talk) as url:
        yield url, read


@contextmanager
def plain_peer(answer: bytes) -> Iterator[str]:
    """Takes one connection, says `answer` without any TLS and hangs up."""

    def talk(plain: socket.socket) -> None:
        plain.recv(1)
        plain.sendall(answer)

    with _one_connection(talk) as url:
        yield url


@contextmanager
def _one_connection(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)

        def take() -> None:
            plain, _ = listening.accept()
            with plain:
                talk(plain)

        thread = threading.Thread(target=take, name="one-connection", daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(60)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Reads one whole request with a Content-Length, and returns its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""


async def _serve(handle: Act, context: ssl.SSLContext) -> asyncio.Server:
    return await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context, limit=1024)


async def _stop(server: asyncio.Server, writers: list[asyncio.StreamWriter]) -> None:
    server.close()
    for writer in writers:
        writer.transport.abort()
    ours = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not ours]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)  # the loop closes the sockets in its next turns


def _context(certificates: CertificateFolder, version: ssl.TLSVersion | None) -> ssl.SSLContext:
    files = certificates.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("DEFAULT@SECLEVEL=0")  # what an old server has, and OpenSSL no longer
        context.minimum_version = context.maximum_version = version
    return context
