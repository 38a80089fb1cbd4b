"""The embedded engine: rings for the verbs by the timetable, in this one process.

Relies on APScheduler 3 with its store in memory (two processes on one store fire twice, so there is one
engine per house) and on `jobs.timetable` for the times. Only rings: `jobs.turns` runs the verbs, the ledger
decides whether a cron slot is still free. After a standstill each cron line is rung once for its last slot of
the past day, however many were missed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from jobs.logs import Log
from jobs.timetable import Interval, Line, Slot
from jobs.turns import Turns

CATCH_UP = timedelta(hours=24)
JUMP_SECONDS = 5.0


class Engine:
    """Keeps a timetable: `start` it, call `watch_clock` now and then, `close` it."""

    def __init__(
        self,
        lines: Sequence[Line],
        turns: Turns,
        log: Log,
        *,
        now: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = tuple(lines)
        self._turns = turns
        self._log = log
        self._now = now
        self._steady = steady
        self._offset = self._clock_offset()
        # Planning and ringing must not cross: a ring of the old plan would undo the new one.
        self._lock = threading.Lock()
        self._generation = 0
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            # Whatever the delay, a ring that was due comes, and comes once.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Plans every line, rings for what a standstill missed, and begins to keep the time."""
        self._plan_all()
        self._scheduler.start()

    def close(self) -> None:
        """Rings no more; the verbs are not its business."""
        with self._lock:
            # APScheduler waits for rings while it holds the lock that planning needs: none may plan now.
            self._generation += 1
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def watch_clock(self) -> None:
        """Plans anew after the clock was set or the machine slept; call it every few seconds.

        APScheduler sleeps until a wall-clock time: a clock set back an hour would keep it asleep for longer.
        """
        jump = self._clock_offset() - self._offset
        if abs(jump) < JUMP_SECONDS:
            return
        self._offset += jump
        self._log.warning("clock.jumped", jump_seconds=jump)
        self._plan_all()

    def _clock_offset(self) -> float:
        return self._now().timestamp() - self._steady()

    def _plan_all(self) -> None:
        with self._lock:
            self._generation += 1
            now = self._now()
            for line in self._lines:
                if not isinstance(line.rhythm, Interval):
                    self._ask(line, line.rhythm.last_slot(now, CATCH_UP))
                self._plan(line, now)

    def _plan(self, line: Line, after: datetime) -> None:
        slot = line.rhythm.next_slot(after)
        if slot is None:
            return
        self._scheduler.add_job(
            self._ring,
            "date",
            run_date=slot.at,
            args=(line, slot, self._generation),
            id=line.name,
            replace_existing=True,
        )

    def _ring(self, line: Line, slot: Slot, generation: int) -> None:
        """Asks for the verb and plans the line's next slot; many missed slots are one ring, for the last."""
        with self._lock:
            if generation != self._generation:
                return
            now = self._now()
            last = line.rhythm.last_slot(now, CATCH_UP)
            due = last if last is not None and last.at > slot.at else slot
            self._ask(line, due)
            self._plan(line, max(due.at, now))

    def _ask(self, line: Line, slot: Slot | None) -> None:
        if slot is not None:
            self._turns.ask(line.verb, line.source, (line.name, slot.name) if slot.kept else None)
