"""The watch says soon which inbox got something, and a watch that can't be kept stops nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.logs import Log
from jobs.watch import Watch
from tests.rigs.timekeeping import PATIENCE_SECONDS, file_log, read_log


class Hints:
    """Notes the hints and waits for them."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, source: str) -> None:
        with self._changed:
            self.heard.append(source)
            self._changed.notify_all()

    def wait_for(self, source: str, n: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.heard.count(source) >= n, PATIENCE_SECONDS)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with file_log(tmp_path / "log") as log:
        yield log


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def inboxes(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name / "ind" for name in ("loen", "hr")}
    for path in found.values():
        path.mkdir(parents=True)
    return found


@pytest.fixture
def make(hints: Hints, log: Log) -> Iterator[Callable[..., Watch]]:
    made: list[Watch] = []

    def watch(inboxes: dict[str, Path]) -> Watch:
        made.append(Watch(inboxes, hints, log, again_seconds=0.05, look_milliseconds=100))
        made[-1].start()
        return made[-1]

    yield watch
    for one in made:
        one.close()


def _ready(watch: Watch) -> None:
    assert watch.watching.wait(PATIENCE_SECONDS)


def test_what_is_laid_in_an_inbox_is_a_hint_for_its_source(make, inboxes, hints) -> None:
    _ready(make(inboxes))
    # The folder is there before the watch's own ear may be: lay again until it is heard.
    _lay_until_heard(inboxes["hr"], hints, "hr")
    assert "loen" not in hints.heard


def _lay_until_heard(inbox: Path, hints: Hints, source: str) -> None:
    for n in range(200):
        (inbox / f"uddata-{n}.klar").touch()
        if threading.Event().wait(0.1) or source in hints.heard:
            return
    hints.wait_for(source)


def test_what_is_still_being_written_is_no_hint(make, inboxes, hints) -> None:
    _ready(make(inboxes))
    _lay_until_heard(inboxes["hr"], hints, "hr")
    for name in (".skjult", "uddata.zip.tmp", "uddata.zip.PART"):
        (inboxes["loen"] / name).touch()
    # What comes later is heard later: had the others counted, they would have been heard by then.
    n_before = hints.heard.count("hr")
    (inboxes["hr"] / "mere.klar").touch()
    hints.wait_for("hr", n_before + 1)
    assert "loen" not in hints.heard


def test_an_inbox_that_comes_later_is_watched_then(make, inboxes, hints) -> None:
    late = inboxes["loen"]
    late.rmdir()
    _ready(make(inboxes))
    late.mkdir()
    _lay_until_heard(late, hints, "loen")


def test_an_inbox_that_is_replaced_is_watched_anew(make, inboxes, hints, tmp_path) -> None:
    _ready(make(inboxes))
    inboxes["loen"].rename(tmp_path / "bort")
    inboxes["loen"].mkdir()
    _lay_until_heard(inboxes["loen"], hints, "loen")


def test_a_house_without_inboxes_is_told_once_and_goes_on(make, tmp_path, hints) -> None:
    inbox = tmp_path / "nyt" / "ind"
    watch = make({"nyt": inbox})
    while not (tmp_path / "log").read_text():
        threading.Event().wait(0.01)
    inbox.mkdir(parents=True)
    _ready(watch)
    _lay_until_heard(inbox, hints, "nyt")
    events = [line["event"] for line in read_log(tmp_path / "log")]
    assert events == ["watch.failed", "watch.started"]


def test_no_file_name_reaches_the_log(make, inboxes, hints, tmp_path) -> None:
    _ready(make(inboxes))
    (inboxes["hr"] / "140868-3994 Hansen.pdf").touch()
    _lay_until_heard(inboxes["hr"], hints, "hr")
    assert "Hansen" not in (tmp_path / "log").read_text()


def test_closing_a_watch_ends_its_thread(make, inboxes) -> None:
    watch = make(inboxes)
    _ready(watch)
    watch.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "watch"] == []
