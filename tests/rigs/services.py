"""Runs `brevdue run` on a house as a service would, and reads its log while it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rigs.houses import HouseOnDisk, Ran

PATIENCE_SECONDS = 60.0
QUICK = """log_file = "brevdue.log"
[timetable.pull]
verb = "pull"
every_seconds = 0.3
[timetable.dispatch]
verb = "dispatch"
every_seconds = 0.3
[timetable.collect]
verb = "collect"
every_seconds = 0.3
[timetable.close]
verb = "close"
every_seconds = 0.3
"""
"""Lines of settings that make a house log to a file and keep a quick timetable."""


@dataclass(slots=True)
class Service:
    """A running `brevdue run`."""

    house: HouseOnDisk
    process: subprocess.Popen[str]

    @property
    def log_path(self) -> Path:
        return self.house.path.parent / "brevdue.log"

    def log(self) -> list[dict[str, Any]]:
        """Returns the log's whole lines."""
        if not self.log_path.exists():
            return []
        text = self.log_path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def events(self) -> list[str]:
        return [line["event"] for line in self.log()]

    def wait_for(self, event: str, n: int = 1) -> None:
        """Returns once an event stands in the log so many times."""
        self.wait_until(lambda: self.events().count(event) >= n, f"{n} times {event}")

    def wait_until(self, true: Callable[[], object], what: str = "it") -> None:
        """Returns once a condition holds; a service that ends meanwhile is a failure."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert self.process.poll() is None, f"ended with {self.process.poll()}: {self.events()[-5:]}"
            assert time.monotonic() < deadline, f"{what} did not come: {self.events()[-5:]}"
            time.sleep(0.02)

    def tell(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> Ran:
        """Waits for the end and returns how it was."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return Ran(self.process.returncode, out, err)

    def stop(self) -> Ran:
        """Asks for an end in order and waits for it."""
        self.tell(signal.SIGTERM)
        return self.ended()


@contextmanager
def running(house: HouseOnDisk, env: dict[str, str] | None = None) -> Iterator[Service]:
    """Runs the service for the block; kills what is left of it at the end."""
    service = Service(house, house.start("run", env=env))
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
        service.process.communicate()
