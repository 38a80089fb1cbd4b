"""The house's end of one child process that opens documents: starts it, feeds it, hears it, ends it.

Relies on `batch.inspection_frames` for the words and on `batch.pdf_child` at the other end. Sends and
receives without ever waiting: `batch.inspection` waits for all children at once. Does not decide what a
child's death means for a document.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import sysconfig
from collections import deque
from contextlib import suppress
from pathlib import Path

from batch import inspection_frames as frames

SEND_BYTES = 256 * 1024
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


class ChildLost(Exception):
    """The child is gone or says what no child of ours says."""


class Child:
    """One running child. `ready` after its first word; `waited_seconds` is for the watcher's own use."""

    def __init__(self, memory_bytes: int, seconds: float) -> None:
        """Starts a fresh interpreter, with nothing of the parent's memory in it; OSError when it can't."""
        ours, theirs = socket.socketpair()
        try:
            self._process = _start(theirs, memory_bytes, seconds)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()
        self.ready = False
        self.n_sent = 0
        self.waited_seconds = 0.0

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def n_unsent(self) -> int:
        """How many pieces still wait to be written."""
        return len(self._outgoing)

    def fileno(self) -> int:
        """The socket's descriptor, to wait for."""
        return self._socket.fileno()

    def queue(self, request: frames.InspectionRequest) -> None:
        """Puts a document on its way; the bytes are not copied."""
        self._outgoing += memoryview(frames.encode_head(request)), memoryview(request.data)
        self.n_sent += 1

    def send(self) -> None:
        """Writes what the socket takes now; raises ChildLost."""
        while self._outgoing:
            piece = self._outgoing[0]
            try:
                n_written = self._socket.send(piece[:SEND_BYTES]) if piece else 0
            except BlockingIOError:
                return
            except OSError:
                raise ChildLost from None
            self.waited_seconds = 0.0
            if n_written == len(piece):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = piece[n_written:]

    def receive(self) -> list[frames.Inspection]:
        """Returns the answers that have come whole; raises ChildLost when nothing more will come."""
        try:
            heard = self._socket.recv(frames.MAX_REPLY_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            raise ChildLost from None
        if not heard:
            raise ChildLost
        self._incoming += heard
        return [answer for content in self._whole_frames() if (answer := self._answer(content))]

    def end(self) -> int:
        """Ends the child, if it lives, and returns how it ended: an exit code, or minus a signal."""
        self._outgoing.clear()
        self._socket.close()
        self._process.kill()
        return self._process.wait()

    def exit_code(self) -> int:
        """Returns how a lost child ended by itself; one that only fell silent is killed."""
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2.0)
        return self.end()

    def _whole_frames(self) -> list[bytes]:
        contents = []
        while len(self._incoming) >= frames.LENGTH_BYTES:
            end = frames.LENGTH_BYTES + int.from_bytes(self._incoming[: frames.LENGTH_BYTES], "big")
            if end > frames.MAX_REPLY_BYTES:
                raise ChildLost
            if len(self._incoming) < end:
                break
            contents.append(bytes(self._incoming[frames.LENGTH_BYTES : end]))
            del self._incoming[:end]
        return contents

    def _answer(self, content: bytes) -> frames.Inspection | None:
        if not self.ready:
            self.ready = content == frames.READY
            if not self.ready:
                raise ChildLost
            return None
        try:
            return frames.decode_reply(content)
        except (ValueError, TypeError, RecursionError):
            raise ChildLost from None


def _start(connection: socket.socket, memory_bytes: int, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "batch.pdf_child", str(memory_bytes), str(math.ceil(seconds))],
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        # Ctrl-C at a terminal is the parent's to hear; it finishes what is in flight.
        process_group=0,
    )


def _environment() -> dict[str, str]:
    """Returns the little a child needs to start: no setting and no secret of ours is passed on."""
    root = Path(__file__).resolve().parent.parent
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    if root not in installed:  # run from the source tree
        passed["PYTHONPATH"] = str(root)
    return passed | {"MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"}
