"""The embedded engine keeps the timetable: once per slot, once after a standstill, whatever the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from jobs.engine_embedded import Engine
from jobs.logs import Log
from jobs.owed import OwedSlots
from jobs.timetable import read_timetable
from jobs.turns import Turns
from schemas.errors import ServiceDown
from schemas.settings import TimetableEntry
from tests.rigs.timekeeping import Notebook, file_log, read_log

# Times at which the Danish clock shows 02:30: twice in October, never in March.
FIRST_PASS = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
SECOND_PASS = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
SKIPPED = datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=50)
BEAT = TimetableEntry(verb="pull", every_seconds=0.02)
NIGHT = TimetableEntry(verb="purge", cron="30 2 * * *")

Start = Callable[..., AbstractContextManager[Engine]]


@pytest.fixture
def book() -> Notebook:
    return Notebook()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with file_log(tmp_path / "log") as log:
        yield log


@pytest.fixture
def start(book: Notebook, tmp_path: Path, log: Log) -> Start:
    @contextmanager
    def engine(**entries: TimetableEntry) -> Iterator[Engine]:
        verbs = book.verbs("pull", "dispatch", "collect", "close", "purge")
        turns = Turns(verbs, book.take_slot, OwedSlots(tmp_path / "owed"), log, retry_seconds=0.01)
        engine = Engine(read_timetable(entries), turns, log, now=lambda: datetime.now(UTC))
        turns.start()
        engine.start()
        try:
            yield engine
        finally:
            engine.close()
            turns.close()

    return engine


def _wait_for_more(book: Notebook, verb: str = "pull", n: int = 3) -> None:
    book.wait_for(verb, book.n_calls(verb) + n)


def test_an_interval_rings_again_and_again(start: Start, book: Notebook) -> None:
    with start(tit=BEAT):
        book.wait_for("pull", 5)


def test_a_cron_time_in_the_doubled_hour_runs_in_its_first_pass_only(start: Start, book: Notebook) -> None:
    book.slots.add(("natten", "2026-10-24T02:30"))
    with time_machine.travel(FIRST_PASS - A_MOMENT) as clock, start(natten=NIGHT, tit=BEAT) as engine:
        book.wait_for("purge", 1)
        clock.move_to(SECOND_PASS - A_MOMENT)
        engine.watch_clock()
        _wait_for_more(book)
        clock.move_to(SECOND_PASS + timedelta(minutes=1))
        engine.watch_clock()
        _wait_for_more(book)
    assert book.n_calls("purge") == 1
    assert ("natten", "2026-10-25T02:30") in book.slots


def test_a_cron_time_in_the_skipped_hour_runs_once(start: Start, book: Notebook) -> None:
    book.slots.add(("natten", "2027-03-27T02:30"))
    with time_machine.travel(SKIPPED - A_MOMENT) as clock, start(natten=NIGHT, tit=BEAT) as engine:
        book.wait_for("purge", 1)
        clock.move_to(SKIPPED + timedelta(hours=2))
        engine.watch_clock()
        _wait_for_more(book)
    assert book.n_calls("purge") == 1
    assert ("natten", "2027-03-28T02:30") in book.slots


def test_a_restart_in_the_second_pass_does_not_repeat_the_slot(start: Start, book: Notebook) -> None:
    book.slots.add(("natten", "2026-10-24T02:30"))
    with time_machine.travel(FIRST_PASS - A_MOMENT), start(natten=NIGHT):
        book.wait_for("purge", 1)
    with time_machine.travel(SECOND_PASS - A_MOMENT), start(natten=NIGHT, tit=BEAT):
        _wait_for_more(book, n=8)
    assert book.n_calls("purge") == 1


def test_after_three_days_of_standstill_a_cron_line_runs_once(start: Start, book: Notebook) -> None:
    hourly = TimetableEntry(verb="dispatch", cron="0 * * * *")
    book.slots |= {("natten", "2026-06-01T02:30"), ("time", "2026-06-01T08:00")}
    with time_machine.travel(datetime(2026, 6, 4, 12, 34, tzinfo=UTC)), start(natten=NIGHT, time=hourly):
        book.wait_for("purge", 1)
        book.wait_for("dispatch", 1)
    later = datetime(2026, 6, 4, 12, 35, tzinfo=UTC)
    with time_machine.travel(later), start(natten=NIGHT, time=hourly, tit=BEAT):
        _wait_for_more(book)
    assert (book.n_calls("purge"), book.n_calls("dispatch")) == (1, 1)


def test_a_slot_older_than_a_day_is_not_caught_up(start: Start, book: Notebook) -> None:
    monthly = TimetableEntry(verb="purge", cron="0 8 1 * *")
    with time_machine.travel(datetime(2026, 6, 4, 12, tzinfo=UTC)), start(sjaelden=monthly, tit=BEAT):
        _wait_for_more(book)
    assert book.n_calls("purge") == 0


def test_a_machine_that_slept_over_many_slots_runs_once(start: Start, book: Notebook) -> None:
    hourly = TimetableEntry(verb="dispatch", cron="0 * * * *")
    with time_machine.travel(datetime(2026, 6, 4, 12, 30, tzinfo=UTC)) as clock:
        book.slots.add(("time", "2026-06-04T14:00"))
        with start(time=hourly, tit=BEAT) as engine:
            clock.move_to(datetime(2026, 6, 4, 20, 30, tzinfo=UTC))
            engine.watch_clock()
            book.wait_for("dispatch", 1)
            _wait_for_more(book)
    assert book.n_calls("dispatch") == 1


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_does_not_stop_the_beat(
    start: Start, book: Notebook, hours: int, tmp_path: Path
) -> None:
    with time_machine.travel(datetime(2026, 6, 4, 12, tzinfo=UTC)) as clock, start(tit=BEAT) as engine:
        book.wait_for("pull", 1)
        clock.shift(timedelta(hours=hours))
        engine.watch_clock()
        _wait_for_more(book)
        engine.watch_clock()
    jumps = [line for line in read_log(tmp_path / "log") if line["event"] == "clock.jumped"]
    assert [round(line["jump_seconds"] / 3600) for line in jumps] == [hours]


def test_a_verb_that_is_longer_than_its_beat_is_not_run_twice_at_once(start: Start, book: Notebook) -> None:
    late = iter(range(3))
    book.during = lambda verb: _wait_a_few_beats() if next(late, None) is not None else None
    with start(tit=BEAT, ogsaa=TimetableEntry(verb="dispatch", every_seconds=0.02)):
        book.wait_for("pull", 4)
        book.wait_for("dispatch", 4)
    assert book.n_at_once == 1


def _wait_a_few_beats() -> None:
    threading.Event().wait(0.1)


def test_a_service_that_is_down_delays_a_cron_slot_and_stops_no_other_line(
    start: Start, book: Notebook, tmp_path: Path
) -> None:
    faults = [ServiceDown("ledger.unreachable")] * 3

    def during(verb: str) -> None:
        if verb == "purge" and faults:
            raise faults.pop()

    book.during = during
    with time_machine.travel(FIRST_PASS + A_MOMENT), start(natten=NIGHT, tit=BEAT):
        book.wait_for("purge", 4)
        _wait_for_more(book)
    unreached = [line for line in read_log(tmp_path / "log") if line["event"] == "verb.unreached"]
    assert [line["code"] for line in unreached] == ["ledger.unreachable"] * 3
    assert book.n_calls("purge") == 4


def test_a_pull_is_for_the_source_its_line_names(start: Start, book: Notebook) -> None:
    with start(loen=TimetableEntry(verb="pull", source="loen", every_seconds=0.02), tit=BEAT):
        book.wait_for("pull", 6)
    assert {source for _, source in book.calls} == {None, "loen"}


def test_closing_while_rings_come_thick_ends_at_once(start: Start, book: Notebook) -> None:
    beats = {f"tit{n}": TimetableEntry(verb="pull", every_seconds=0.01) for n in range(8)}
    for _ in range(10):
        with start(**beats):
            _wait_for_more(book, n=1)
