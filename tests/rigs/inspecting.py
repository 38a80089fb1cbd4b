"""Lets tests have documents inspected by real child processes, and finds those processes.

Relies on `batch.inspection`; opens no document in the test's own process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from threading import Event, Thread

from batch.inspection import Inspection, InspectionRequest, Inspector

TODAY = date(2026, 11, 24)
RECIPIENT = "1408683994"
PATIENT_SECONDS = 250.0
"""For inspectors whose documents may take what they need: a slow machine proves nothing about them."""


def request(
    data: bytes,
    extension: str = "pdf",
    *,
    recipient: str = RECIPIENT,
    guard: bool = True,
    token: object = None,
) -> InspectionRequest:
    """Returns a request with what most tests want."""
    return InspectionRequest(data, extension, recipient, guard, TODAY, token)


def inspect_all(inspector: Inspector, requests: Iterable[InspectionRequest]) -> list[Inspection]:
    """Returns what was found, in order."""
    return [found for _, found in inspector.inspect(requests)]


def inspect_one(
    inspector: Inspector,
    data: bytes,
    extension: str = "pdf",
    *,
    recipient: str = RECIPIENT,
    guard: bool = True,
) -> Inspection:
    """Returns what was found about one document."""
    (found,) = inspect_all(inspector, [request(data, extension, recipient=recipient, guard=guard)])
    return found


def codes(found: Iterable[Inspection]) -> list[str]:
    """Returns the codes alone."""
    return [one.code for one in found]


def child_ids() -> list[int]:
    """Returns the process ids of this process's own children that open documents."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            ids = (task / "children").read_text().split()
        except FileNotFoundError:
            continue
        found += [int(one) for one in ids if _opens_documents(one)]
    return found


def _opens_documents(process_id: str) -> bool:
    try:
        return b"batch.pdf_child" in Path("/proc", process_id, "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def killing_children(signal_number: int, n_kills: int, at_least_seconds: float = 0.5) -> Iterator[list[int]]:
    """Kills that many of our children while the block runs, each once it has used some processor time in it.

    Yields the list of the killed, which grows.
    """
    killed: list[int] = []
    before = {one: _used_seconds(one) for one in child_ids()}
    done = Event()

    def kill() -> None:
        while len(killed) < n_kills and not done.is_set():
            for one in child_ids():
                if one not in killed and _used_seconds(one) - before.get(one, 0.0) >= at_least_seconds:
                    with suppress(ProcessLookupError):  # it has ended by itself
                        os.kill(one, signal_number)
                        killed.append(one)
                    break
            time.sleep(0.01)

    thread = Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def _used_seconds(process_id: int) -> float:
    try:
        fields = Path("/proc", str(process_id), "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
