"""The log says what happened and when, and nothing of a person reaches it, whichever way it is pushed."""

from __future__ import annotations

import ast
import json
import logging
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from jobs.logs import TALKERS, Log, LogLines, make_log, open_log
from jobs.redaction import EVENTS, HIDDEN, name_or_hidden, redact
from schemas.errors import ConfigurationError, Refused
from tests.rigs.source import ROOT, modules

# Numbers of facts/identity.md 1.6, as people and programs write them.
NUMBERS = ("1408683994", "140868-3994", "080904 4998", "0809044998", "010303.9991", "0101653999")
NAMES = ("Ærlig Østergård", "hansen", "Rosa", "Lønseddel for marts", "hemmelig-titel")
CANARIES = (*NUMBERS, *NAMES)
AT = datetime(2026, 11, 24, 4, 40, 26, 5, tzinfo=UTC)


class Told(Exception):
    """An error of somebody else's, with a message that says too much."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "brevdue.log"


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with open_log(path, now=lambda: AT) as (log, _):
            yield log


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _raised(error: BaseException) -> BaseException:
    """Returns an error that was raised from another while a local held what it told."""
    local_canary = str(error)
    try:
        try:
            raise KeyError(local_canary)
        except KeyError as cause:
            raise error from cause
    except BaseException as caught:
        caught.add_note(local_canary)
        return caught


def _thrown_in_thread(canary: str) -> None:
    def fall() -> None:
        raise Told(canary)

    thread = threading.Thread(target=fall, name=canary)
    thread.start()
    thread.join()


def _unraisable(canary: str) -> None:
    class Falls:
        def __del__(self) -> None:
            raise Told(canary)

    del [Falls()][0]


def _mixed(log: Any, canary: str) -> None:
    try:
        raise Told(canary)
    except Told:
        log.exception("verb.failed", verb="pull")


WAYS: dict[str, Callable[[Any, str], object]] = {
    "event": lambda log, c: log.info(c),
    "event with arguments": lambda log, c: log.info("batch.%s", c),
    "event that begins well": lambda log, c: log.info(f"batch.taken.{c}"),
    "event that is an error": lambda log, c: log.error(Told(c)),
    "value": lambda log, c: log.info("batch.taken", note=c),
    "value under a telling key": lambda log, c: log.info("batch.taken", navn=c, titel=c, cpr=c, password=c),
    "value inside a sentence": lambda log, c: log.info("batch.taken", code=f"no mailbox for {c}!"),
    "key": lambda log, c: log.info("batch.taken", **{c: 1}),
    "nested": lambda log, c: log.info("batch.taken", a={"b": [{"c": (c, {c})}]}, job={"x": {c: c}}),
    "bytes": lambda log, c: log.info("batch.taken", code=c.encode()),
    "path": lambda log, c: log.info("batch.taken", where=Path("/data") / c),
    "object": lambda log, c: log.info("batch.taken", batch=type("Row", (), {"__repr__": lambda self: c})()),
    "error as a value": lambda log, c: log.info("verb.failed", error=_raised(Told(c)), code=Told(c)),
    "error of ours": lambda log, c: log.error("verb.failed", exc_info=_raised(Refused("eboks.no", x=c))),
    "error of another": lambda log, c: log.error("verb.failed", exc_info=_raised(Told(c))),
    "error group": lambda log, c: log.error(
        "verb.failed",
        exc_info=_raised(ExceptionGroup(c, [_raised(Told(c))])),  # type: ignore[type-var]
    ),
    "error at hand": _mixed,
    "bound": lambda log, c: log.bind(note=c, name=c).warning("run.started", stack_info=True),
    "logging": lambda log, c: logging.getLogger("httpx").warning("GET /%s %s", c, {"cpr": c}),
    "logging without arguments": lambda log, c: logging.getLogger("x.y").error(f"row {c}", extra={"navn": c}),
    "logging an error": lambda log, c: logging.error(c, exc_info=_raised(Told(c))),
    "logging what does not fit": lambda log, c: logging.getLogger("asyncio").error("%d %d", *[c]),
    "logging quietly": lambda log, c: logging.getLogger("sqlalchemy.engine").info("%s", c),
    "warning": lambda log, c: warnings.warn(f"row {c}", stacklevel=1),
    "thread": lambda log, c: _thrown_in_thread(c),
    "unraisable": lambda log, c: _unraisable(c),
    "hook": lambda log, c: sys.excepthook(Told, Told(c), None),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_canary_reaches_the_log_or_the_screen(
    way: str, log: Log, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for canary in CANARIES:
        WAYS[way](log, canary)
    out, err = capfd.readouterr()
    written = path.read_text(encoding="utf-8")
    shown = f"{written}{out}{err}".casefold()
    assert [c for c in CANARIES if c.casefold() in shown] == []
    assert [c for c in NUMBERS if "".join(filter(str.isdigit, c))[-4:] in shown] == []
    # Everything else was said: a line for every push, except those that are too quiet to matter.
    assert len(written.splitlines()) == (0 if way == "logging quietly" else len(CANARIES))


@pytest.mark.parametrize("number", ["1408683994", "140868-3994", "809044998"])
@pytest.mark.parametrize("key", ["code", "batch", "consignment", "source", "where", "slot"])
def test_a_number_is_masked_even_where_words_may_stand(key: str, number: str) -> None:
    assert number not in str(redact({"event": "batch.taken", key: number}))
    assert number not in str(redact({"event": "batch.taken", key: f"x/{number}.pdf"}))


@pytest.mark.parametrize("value", [1408683994, 809044998, 1408683994.0, 0.1408683994, -1408683994])
def test_a_number_of_a_person_is_hidden_among_counts(value: float) -> None:
    shown = str(redact({"event": "batch.taken", "n_rows": value}))
    assert "1408683994" not in shown
    assert "809044998" not in shown


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**5000, date(1968, 8, 14), 1j],
    ids=["nan", "inf", "huge", "date", "1j"],
)
def test_what_json_can_not_say_is_hidden(value: object) -> None:
    assert redact({"event": "batch.taken", "n_rows": value})["n_rows"] == HIDDEN


def test_ids_counts_and_codes_of_ours_are_shown_as_they_are(log: Log, path: Path) -> None:
    class Mode(StrEnum):
        LIVE = "live"

    fields: dict[str, object] = {
        # Ids whose digits alone would look like a number of a person.
        "batch": "20261124-140868-2345ab",
        "consignment": "20261124-140868-2345ab-00017",
        "code": "eboks.not_enrolled",
        "slot": "2026-10-25T02:30",
        "n_rows": 10_000,
        "took_seconds": 1.5,
        "simulated": True,
        "source": None,
        "mode": Mode.LIVE,
    }
    log.info("batch.taken", **fields)
    assert _lines(path) == [
        {"at": "2026-11-24T04:40:26.000005Z", "level": "info", "event": "batch.taken", **fields}
    ]


def test_an_error_is_told_by_type_code_and_place(log: Log, path: Path) -> None:
    log.error("verb.failed", verb="pull", exc_info=_raised(Refused("eboks.no_such", limit=3)))
    (line,) = _lines(path)
    assert (line["error"], line["code"], line["level"]) == ("Refused", "eboks.no_such", "error")
    assert line["frames"][-1].startswith("unit/test_logs.py:")


def test_another_library_is_named_with_its_place(log: Log, path: Path) -> None:
    logging.getLogger("httpx").error("told too much")
    (line,) = _lines(path)
    assert (line["event"], line["logger"]) == ("library.message", "httpx")
    assert line["where"].startswith("unit/test_logs.py:")


@pytest.mark.parametrize("name", TALKERS)
def test_a_talking_library_is_silent_below_warning(name: str, path: Path) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    try:
        with open_log(path):
            assert not logger.isEnabledFor(logging.INFO)
            logger.info("GET /3/dispatchsystem")
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(logging.NOTSET)
    assert path.read_text() == ""


def test_debug_lines_are_not_written(log: Log, path: Path) -> None:
    log.debug("pull.pass", n_taken=0)
    assert _lines(path) == []


def test_the_log_is_for_its_owner_only(log: Log, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_after_a_rotation_lines_go_to_the_new_file(path: Path) -> None:
    with open_log(path) as (log, lines):
        log.info("run.started")
        path.rename(path.with_suffix(".1"))
        log.info("run.heartbeat")
        lines.reopen()
        log.info("run.ended")
    assert [line["event"] for line in _lines(path.with_suffix(".1"))] == ["run.started", "run.heartbeat"]
    assert [line["event"] for line in _lines(path)] == ["run.ended"]


def test_a_rotation_that_fails_keeps_the_old_file(path: Path) -> None:
    with open_log(path) as (log, lines):
        aside = path.with_suffix(".1")
        path.rename(aside)
        path.mkdir()
        lines.reopen()
        log.info("run.ended")
    assert [line["event"] for line in _lines(aside)] == ["run.ended"]


def test_a_log_that_can_not_be_opened_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        LogLines(tmp_path)
    assert refused.value.code == "run.no_log_file"


def test_a_full_disk_does_not_stop_who_writes() -> None:
    lines = LogLines(Path("/dev/full"))
    make_log(lines, lambda: AT).info("run.started")
    lines.close()


def test_without_a_file_lines_go_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    with open_log(None) as (log, _):
        log.info("run.started", mode="live")
    assert json.loads(capsys.readouterr().err)["event"] == "run.started"


def test_lines_of_many_threads_stay_whole(log: Log, path: Path) -> None:
    def speak() -> None:
        for n in range(200):
            log.info("pull.pass", n_taken=n)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_lines(path)) == 800


def test_an_uncaught_error_at_the_end_of_the_process_is_told_without_its_words(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from jobs.logs import open_log\n"
        "opened = open_log(Path(sys.argv[1])); opened.__enter__()\n"
        "raise ValueError('140868-' + '3994')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "3994" not in done.stderr + path.read_text()


def test_every_event_the_jobs_log_is_known_and_every_known_event_is_logged() -> None:
    known = {"library.message", "python.warning", "process.crashed"}
    used: set[str] = set()
    for module in (m for m in modules() if m.name.startswith(("jobs.", "routing.portal."))):
        for node in ast.walk(module.tree):
            used |= _event(node) if isinstance(node, ast.Call) else set()
    assert used | known == EVENTS


def _event(call: ast.Call) -> set[str]:
    speaks = isinstance(call.func, ast.Attribute) and call.func.attr in {
        "debug",
        "info",
        "warning",
        "error",
        "tell",
    }
    first = call.args[0] if call.args else None
    named = isinstance(first, ast.Constant) and isinstance(first.value, str) and "." in first.value
    return {first.value} if speaks and named else set()


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("loen", "loen"),
        ("hr_2026", "hr_2026"),
        ("Jens Jensen", HIDDEN),
        ("Jens", HIDDEN),
        ("1408683994", HIDDEN),
        ("140868-3994", HIDDEN),
        ("a" * 41, HIDDEN),
        ("", HIDDEN),
    ],
)
def test_a_word_that_can_be_no_name_of_the_settings_is_not_repeated(word: str, shown: str) -> None:
    assert name_or_hidden(word) == shown
