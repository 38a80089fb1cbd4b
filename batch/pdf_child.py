"""The child process that opens documents one after another within limits: `python -m batch.pdf_child`.

Relies on `batch.document_rules`. Talks in frames over its standard input, which is a socket; opens no file,
writes none, leaves no core dump, and ends when the socket does. Memory is limited once, processor time anew
for each document; the wall clock is the parent's to watch. Never sees a file name, a title or a key.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import sys

from batch import inspection_frames as frames
from batch.document_rules import judge_document

TIRED_SHARE = 3
"""A child that holds more than this part of its memory between two documents asks to be replaced."""


def main(arguments: list[str]) -> int:
    """Takes the memory limit in bytes and the seconds a document may use; returns the exit code."""
    memory_bytes, cpu_seconds = int(arguments[0]), int(arguments[1])
    connection = _take_socket()
    _load_readers()
    _limit(memory_bytes)
    connection.sendall(frames.frame(frames.READY))
    with contextlib.suppress(ConnectionError):  # the parent is gone, or tired of us
        while (head := _receive(connection)) is not None:
            _limit_cpu(cpu_seconds)
            try:
                answer = _answer(connection, head)
            except MemoryError:
                return frames.EXIT_OUT_OF_MEMORY
            connection.sendall(frames.encode_reply(answer))
            if _resident_bytes() > memory_bytes // TIRED_SHARE:
                return frames.EXIT_TIRED
    return 0


def _answer(connection: socket.socket, head: bytes) -> frames.Inspection:
    data = _receive(connection)
    if data is None:
        raise ConnectionError
    return judge_document(frames.decode_request(head, data))


def _take_socket() -> socket.socket:
    """Moves the socket away from standard input and output: native code may print, and must not be heard."""
    connection = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return connection


def _load_readers() -> None:
    """Loads the heavy libraries before the limits are set; a fault here is a fault of our set-up."""
    import pikepdf
    import pypdfium2.raw

    assert pikepdf.__version__ and pypdfium2.raw


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _limit_cpu(seconds: int) -> None:
    """Gives the next document its processor time; whoever uses it up is ended by the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _receive(connection: socket.socket) -> bytes | None:
    """Returns the content of the next frame, None when the parent has closed."""
    head = _receive_exactly(connection, frames.LENGTH_BYTES)
    return None if head is None else _receive_exactly(connection, int.from_bytes(head, "big"))


def _receive_exactly(connection: socket.socket, length: int) -> bytes | None:
    buffer = bytearray(length)
    view, n_received = memoryview(buffer), 0
    while n_received < length:
        n_more = connection.recv_into(view[n_received:])
        if not n_more:
            return None
        n_received += n_more
    return bytes(buffer)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
