"""`brevdue run`: keeps one house going, by its timetable, until it is told to end.

Wires the verbs, their turns, the engine and the watch together, and lives in the main thread: signals, signs
of life, the hourly line in the log. Relies on them for all work. Starts once per house.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobs.house import House, open_house, utc_now
from jobs.logs import Log, LogLines, open_log
from jobs.ownership import only_one
from jobs.readiness import notify, watchdog_seconds
from jobs.screen import EXIT_OK, EXIT_UNREACHED
from jobs.signals import Ending
from jobs.timetable import Interval, Line, read_timetable
from jobs.turns import Turns
from jobs.watch import Watch
from schemas.errors import Coded
from schemas.settings import Settings

FIRST_PASS = ("pull", "dispatch", "collect", "close")
LOOK_SECONDS = 5.0
HEARTBEAT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The timetable, and what of it may be brought forward: only what has no time of day of its own.

    A payslip that is to come at eight must not come at three because the machine was started anew.
    """

    lines: tuple[Line, ...]

    def _steady(self, verb: str) -> set[str | None]:
        """Returns the sources (None: all) for which a verb comes at an interval."""
        return {x.source for x in self.lines if x.verb == verb and isinstance(x.rhythm, Interval)}

    def first_pass(self) -> list[tuple[str, str | None]]:
        """Returns the turns of a start, in order."""
        found: list[tuple[str, str | None]] = []
        for verb in FIRST_PASS:
            sources = self._steady(verb)
            found += [(verb, None)] if None in sources else [(verb, s) for s in sorted(filter(None, sources))]
        return found

    def may_hasten(self, verb: str, source: str | None = None) -> bool:
        """True when a hint may bring a verb forward."""
        return bool(self._steady(verb) & {None, source})


def run(settings: Settings, *, ending: Ending | None = None, now: Callable[[], datetime] = utc_now) -> int:
    """Runs until `ending`; returns the exit code: 0 after an end in order, 4 when the scheduler itself broke.

    Raises ConfigurationError (`run.already_running`, `run.no_log_file`, a wrong timetable, keys or ledger)
    and ServiceDown before anything was begun; both stand in the log too.
    """
    with (
        open_log(settings.house.log_file, now=now) as (log, lines),
        nullcontext(ending) if ending else closing(Ending()) as heard,
    ):
        try:
            return _run(settings, heard, log, lines, now)
        except Coded as error:
            log.error("run.refused", error=type(error).__name__, code=error.code)
            raise
        except Exception as error:  # its message may hold anything, so it must not reach the screen
            log.error("run.broken", exc_info=error)
            return EXIT_UNREACHED


def _run(settings: Settings, ending: Ending, log: Log, lines: LogLines, now: Callable[[], datetime]) -> int:
    plan = Plan(read_timetable(settings.timetable))
    with open_house(settings, now=now) as house, ExitStack() as open_parts:
        path = house.lock_path("run")
        open_parts.enter_context(only_one(path, "run.already_running", pid=_pid_in(path)))
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
        open_parts.enter_context(ending.listening())
        # What is wrong with keys or ledger is said at once, and not by the first verb that fails.
        house.ledger.pauses()
        service = Service(house, plan, ending, log, lines)
        open_parts.callback(service.close)
        service.start()
        return service.stay()


def _pid_in(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


class Service:
    """The running house: its parts in threads of their own, and the main thread that looks after them."""

    def __init__(self, house: House, plan: Plan, ending: Ending, log: Log, lines: LogLines) -> None:
        # These load APScheduler and the verbs, for which `brevdue --help` should not pay.
        from jobs.engine_embedded import Engine
        from jobs.owed import OwedSlots
        from jobs.passes import PassLog, house_verbs

        self._house, self._plan, self._ending = house, plan, ending
        self._log, self._lines = log, lines
        self._pass_log = PassLog(log)
        self._turns = Turns(
            house_verbs(house, ending),
            house.ledger.take_slot,
            OwedSlots(house.settings.house.data / "owed"),
            log,
            stop=ending,
            heard=self._heard,
        )
        self._engine = Engine(plan.lines, self._turns, log, now=house.now)
        self._watch = Watch(self._inboxes(), lambda source: self._turns.ask("pull", source), log)

    def start(self) -> None:
        """Begins with what a start owes: a whole pass, then the timetable."""
        house = self._house.settings.house
        self._log.info("run.started", pid=os.getpid(), mode=house.mode, n_lines=len(self._plan.lines))
        for verb, source in self._plan.first_pass():
            self._turns.ask(verb, source)
        self._prepare_inboxes()
        self._engine.start()
        self._turns.start()
        self._watch.start()

    def stay(self) -> int:
        """Returns the exit code once the end was asked for, or the verbs' thread is gone."""
        notify("READY=1")
        look = min(LOOK_SECONDS, watchdog_seconds() or LOOK_SECONDS)
        heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
        while not self._ending():
            self._ending.wait(look)
            if not self._turns.alive:
                self._log.error("run.broken")
                return EXIT_UNREACHED
            self._look_after()
            if time.monotonic() >= heartbeat_at:
                heartbeat_at += HEARTBEAT_SECONDS
                self._log.info("run.heartbeat", **self._counts())
        self._log.info("run.ending")
        notify("STOPPING=1")
        return EXIT_OK

    def close(self) -> None:
        """Rings no more, lets the verb in hand end what is in flight, and says what was done."""
        self._watch.close()
        self._engine.close()
        self._turns.close()
        self._log.info("run.ended", **self._counts())

    def _look_after(self) -> None:
        notify("WATCHDOG=1")
        self._engine.watch_clock()
        if self._ending.hung_up():
            self._lines.reopen()
            self._log.info("log.reopened")

    def _heard(self, verb: str, result: object) -> None:
        from jobs.passes import has_news

        self._pass_log.write(result)
        for following in sorted(has_news(result)):
            if self._plan.may_hasten(following):
                self._turns.ask(following)

    def _counts(self) -> Mapping[str, int]:
        passes = {f"n_{verb}": n for verb, n in sorted(self._turns.n_passes.items())}
        return {**passes, "n_failed": sum(self._turns.n_failed.values())}

    def _inboxes(self) -> dict[str, Path]:
        sources = self._house.settings.sources
        return {
            name: source.folder / "ind"
            for name, source in sources.items()
            if self._plan.may_hasten("pull", name)
        }

    def _prepare_inboxes(self) -> None:
        """Makes the folders that the watch needs; where that fails the pull will say so."""
        from batch.drop_folder import prepare_folders

        for name, source in self._house.settings.sources.items():
            try:
                prepare_folders(source.folder)
            except (Coded, OSError) as error:
                self._log.warning("watch.failed", source=name, kind=type(error).__name__)
