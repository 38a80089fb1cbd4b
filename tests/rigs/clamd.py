"""A small clamd for tests: speaks INSTREAM over TCP or a unix socket and finds the EICAR test file, or
misbehaves."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class _Handler(socketserver.StreamRequestHandler):
    fault = ""
    seen: list[bytes]

    def handle(self) -> None:
        assert self.rfile.read(10) == b"zINSTREAM\0"
        data = b""
        while length := int.from_bytes(self.rfile.read(4), "big"):
            data += self.rfile.read(length)
        self.seen.append(data)
        answer = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in data else b"stream: OK\0"
        if self.fault == "silent":
            self.rfile.read(1)
        elif self.fault == "garbage":
            self.wfile.write(b"\xff" * 10_000)
        elif self.fault == "error":
            self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
        elif self.fault != "hang_up":
            self.wfile.write(answer)


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def serve_clamd(kind: str, folder: Path, fault: str = "") -> Iterator[tuple[str, list[bytes]]]:
    """Serves for the block; gives where (`tcp://…`, `unix:…`) and the files it has seen."""
    seen: list[bytes] = []
    handler = type("Handler", (_Handler,), {"fault": fault, "seen": seen})
    server: socketserver.BaseServer
    if kind == "tcp":
        server = _Tcp(("127.0.0.1", 0), handler)
        where = f"tcp://127.0.0.1:{server.server_address[1]}"
    else:
        server = _Unix(str(folder / "clamd.sock"), handler)
        where = f"unix:{folder / 'clamd.sock'}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield where, seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
