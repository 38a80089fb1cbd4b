"""Verbs get their turns one at a time; a slot runs once, and one that was cut off is gone on with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.logs import Log
from jobs.owed import OwedSlots
from jobs.turns import MAX_TRIES, Turns
from schemas.errors import ConfigurationError, ServiceDown
from tests.rigs.timekeeping import Notebook, file_log, read_log


@dataclass(frozen=True, slots=True)
class Half:
    """What a verb returns that did what it could; `fault` is what kept it from the rest."""

    fault: Exception | None


SLOT = ("natten", "2026-10-25T02:30")
VERBS = ("pull", "dispatch", "collect", "close", "purge")


@pytest.fixture
def book() -> Notebook:
    return Notebook()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with file_log(tmp_path / "log") as log:
        yield log


@pytest.fixture
def make(book: Notebook, tmp_path: Path, log: Log) -> Callable[..., Turns]:
    def turns(**more: object) -> Turns:
        owed = OwedSlots(tmp_path / "owed")
        return Turns(book.verbs(*VERBS), book.take_slot, owed, log, retry_seconds=0.0, **more)  # type: ignore[arg-type]

    return turns


def _run_all(turns: Turns) -> None:
    while turns.run_next():
        pass


def _fail(error: Exception, n_times: int) -> Callable[[str], object]:
    left = [error] * n_times

    def during(verb: str) -> None:
        if left:
            raise left.pop()

    return during


def test_verbs_run_in_the_order_they_were_asked_for(make, book) -> None:
    turns = make()
    for verb in ("pull", "dispatch", "collect", "close"):
        turns.ask(verb)
    _run_all(turns)
    assert book.calls == [("pull", None), ("dispatch", None), ("collect", None), ("close", None)]


def test_a_verb_stands_in_line_once(make, book) -> None:
    turns = make()
    for _ in range(5):
        turns.ask("dispatch")
    turns.ask("pull", "loen")
    turns.ask("pull", "hr")
    turns.ask("pull", "loen")
    _run_all(turns)
    assert book.calls == [("dispatch", None), ("pull", "loen"), ("pull", "hr")]


def test_a_verb_that_is_asked_for_while_it_runs_runs_again(make, book) -> None:
    turns = make()
    book.during = lambda verb: turns.ask("pull") if not book.calls else None
    turns.ask("pull")
    _run_all(turns)
    assert book.n_calls("pull") == 2


def test_verbs_never_run_side_by_side(make, book) -> None:
    turns = make()
    turns.start()
    askers = [threading.Thread(target=lambda: [turns.ask(v) for v in VERBS]) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    turns.ask("purge")
    book.wait_for("purge", 1)
    turns.close()
    assert book.n_at_once == 1
    assert not turns.alive


def test_a_slot_runs_once(make, book) -> None:
    turns = make()
    for _ in range(3):
        turns.ask("purge", slot=SLOT)
        _run_all(turns)
    assert book.n_calls("purge") == 1


def test_many_slots_of_one_verb_in_line_are_one_run(make, book) -> None:
    turns = make()
    turns.ask("purge", slot=SLOT)
    turns.ask("purge", slot=("middag", "2026-10-25T12:00"))
    turns.ask("purge")
    _run_all(turns)
    assert book.n_calls("purge") == 1
    assert len(book.slots) == 2


def test_a_slot_that_was_taken_holds_nobody_else_back(make, book) -> None:
    turns = make()
    book.slots.add(SLOT)
    turns.ask("purge", slot=SLOT)
    turns.ask("pull")
    _run_all(turns)
    assert book.calls == [("pull", None)]


@pytest.mark.parametrize(
    "error", [ServiceDown("ledger.unreachable"), OSError("x"), ConfigurationError("a.b")]
)
def test_a_verb_that_fails_stops_no_other_verb(make, book, error, tmp_path) -> None:
    turns = make()
    book.during = _fail(error, 1)
    turns.ask("pull")
    turns.ask("dispatch")
    _run_all(turns)
    assert turns.n_passes == {"dispatch": 1}
    assert turns.n_failed == {"pull": 1}
    assert read_log(tmp_path / "log")[0]["event"].startswith("verb.")


def test_a_slot_is_owed_until_the_service_is_back(make, book) -> None:
    turns = make()
    book.during = _fail(ServiceDown("ledger.unreachable"), MAX_TRIES * 2)
    turns.ask("dispatch", slot=SLOT)
    _run_all(turns)
    assert turns.n_passes["dispatch"] == 1


def test_a_slot_is_owed_when_the_ledger_can_not_say_whose_it_is(book, log, tmp_path) -> None:
    answers = iter([False, True])

    def take_slot(job: str, slot: str) -> bool:
        if not next(answers):
            raise ServiceDown("ledger.unreachable")
        return True

    turns = Turns(book.verbs("purge"), take_slot, OwedSlots(tmp_path / "owed"), log, retry_seconds=0.0)
    turns.ask("purge", slot=SLOT)
    _run_all(turns)
    assert turns.n_passes["purge"] == 1


def test_a_slot_whose_verb_always_fails_is_given_up_for_now(make, book) -> None:
    turns = make()
    book.during = _fail(OSError("no space"), 1000)
    turns.ask("purge", slot=SLOT)
    _run_all(turns)
    assert turns.n_failed["purge"] == MAX_TRIES


def test_a_slot_that_a_crash_cut_off_is_gone_on_with(make, book) -> None:
    class Killed(BaseException):
        """Ends the thread as a kill would end the process."""

    book.during = _fail(Killed(), 1)  # type: ignore[arg-type]
    before = make()
    before.ask("dispatch", slot=SLOT)
    with pytest.raises(Killed):
        before.run_next()
    after = make()
    for _ in range(2):
        after.ask("dispatch", slot=SLOT)
        _run_all(after)
    assert after.n_passes["dispatch"] == 1


def test_a_slot_that_was_told_to_stop_is_gone_on_with(make, book) -> None:
    before = make(stop=lambda: True)
    before.ask("dispatch", slot=SLOT)
    _run_all(before)
    after = make()
    for _ in range(2):
        after.ask("dispatch", slot=SLOT)
        _run_all(after)
    assert (before.n_passes["dispatch"], after.n_passes["dispatch"]) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "event"),
    [(ServiceDown("program.disk_failed"), "verb.unreached"), (ConfigurationError("a.b"), "verb.failed")],
)
def test_a_verb_that_met_a_fault_is_heard_and_its_slot_is_owed(book, log, tmp_path, fault, event) -> None:
    results = iter([Half(fault), Half(None)])
    heard: list[object] = []
    turns = Turns(
        {"pull": lambda source: next(results)},
        book.take_slot,
        OwedSlots(tmp_path / "owed"),
        log,
        heard=lambda verb, result: heard.append(result),
        retry_seconds=0.0,
    )
    turns.ask("pull", slot=SLOT)
    assert turns.run_next()
    assert (turns.n_passes["pull"], turns.n_failed["pull"]) == (0, 1)
    assert OwedSlots(tmp_path / "owed").has(*SLOT)
    _run_all(turns)
    assert (turns.n_passes["pull"], turns.n_failed["pull"]) == (1, 1)
    assert not OwedSlots(tmp_path / "owed").has(*SLOT)
    assert heard == [Half(fault), Half(None)]
    said = read_log(tmp_path / "log")[-1]
    assert (said["event"], said["code"]) == (event, fault.code)


def test_closing_waits_for_the_verb_in_hand_and_begins_no_other(make, book) -> None:
    turns = make()
    begun, go_on = threading.Event(), threading.Event()

    def during(verb: str) -> None:
        begun.set()
        assert go_on.wait(60)

    book.during = during
    turns.ask("dispatch")
    turns.ask("close")
    turns.start()
    assert begun.wait(60)
    closer = threading.Thread(target=turns.close)
    closer.start()
    go_on.set()
    closer.join()
    turns.ask("pull")
    assert book.calls == [("dispatch", None)]
    assert not turns.run_next()


def test_a_disk_that_can_not_remember_stops_nothing(book, log, tmp_path) -> None:
    (tmp_path / "file").touch()
    owed = OwedSlots(tmp_path / "file" / "owed")
    turns = Turns(book.verbs("purge"), book.take_slot, owed, log)
    turns.ask("purge", slot=SLOT)
    _run_all(turns)
    assert turns.n_passes["purge"] == 1
