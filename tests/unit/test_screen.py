"""The screen speaks to people or to machines, never to both, and repeats no number."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime

import pytest

from jobs.screen import Screen
from schemas.errors import ConfigurationError
from schemas.states import State


def screen(**how: object) -> Screen:
    return Screen(out=io.StringIO(), err=io.StringIO(), **how)  # type: ignore[arg-type]


def said(one: Screen) -> tuple[str, str]:
    assert isinstance(one.out, io.StringIO) and isinstance(one.err, io.StringIO)
    return one.out.getvalue(), one.err.getvalue()


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("how", [{"as_json": True}, {"quiet": True}])
def test_machines_and_the_quiet_get_no_sentence_table_or_bar(how):
    one = screen(**how)
    one.say("pull_nothing")
    one.table("t", ["a"], [["b"]])
    with one.bar("x") as advance:
        advance(1, 2)
    one.call_out("interrupted")
    assert said(one) == ("", "")


def test_json_is_one_line_with_the_exit_code():
    one = screen(as_json=True)
    assert one.finish({"a": "æ", "at": datetime(2026, 1, 1, tzinfo=UTC)}, 3) == 3
    out, err = said(one)
    assert out.count("\n") == 1 and err == ""
    assert json.loads(out) == {"a": "æ", "at": "2026-01-01 00:00:00+00:00", "exit_code": 3}


def test_people_get_no_json():
    one = screen()
    assert one.finish({"a": 1}, 0) == 0
    assert said(one) == ("", "")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_goes_to_the_error_stream_with_its_code_and_masked(as_json):
    one = screen(as_json=as_json)
    error = ConfigurationError("settings.no_channel", channel="140868-3994")
    assert one.fault(error, 2) == 2
    out, err = said(one)
    assert out == ""
    assert "settings.no_channel" in err and "140868-••••" in err and "3994" not in err


def test_away_from_a_terminal_no_cell_of_a_table_is_folded():
    one = screen()
    cell = "x" * 200
    one.table("", ["batch", "state"], [[cell, "b"]])
    assert cell in said(one)[0]


def test_on_a_terminal_a_line_is_folded_between_words_and_stays_under_itself(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    one = Screen(out=Terminal(), err=io.StringIO())
    one.line("  " + "word " * 20 + "20261124-051421-5vftj2-00002")
    lines = said(one)[0].splitlines()
    assert len(lines) > 2 and max(map(len, lines)) <= 40
    assert all(line.startswith("    ") for line in lines[1:])
    assert "20261124-051421-5vftj2-00002" in lines[-1]


def test_a_command_to_copy_is_never_folded(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    one = Screen(out=Terminal(), err=io.StringIO())
    command = "  brevdue --settings /srv/loen/brevdue.toml explain 20261124-051421-5vftj2-00002"
    one.line(command)
    assert said(one)[0] == command + "\n"


def test_away_from_a_terminal_a_short_work_shows_no_bar():
    one = screen()
    with one.bar("Henter") as advance:
        advance(1, 2)
        advance(2, 2)
    assert said(one) == ("", "")


def test_times_are_danish_wall_clock_times():
    one = screen()
    at = datetime(2026, 7, 1, 10, 0, 7, tzinfo=UTC)
    assert one.moment(at) == "01-07-2026 12:00"
    assert one.moment(at, seconds=True) == "01-07-2026 12:00:07"
    assert one.moment(None) == "–"


@pytest.mark.parametrize("language", ["da", "en"])
def test_every_state_has_a_word(language):
    one = screen(language=language)
    words = {one.word(state) for state in (*State, "rejected")}
    assert len(words) == len(State) + 1
    assert not any(word.startswith("ui.") for word in words)


def test_a_call_out_needs_no_buffer_of_the_stream():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader) as other_end:
        Screen(language="en", err=stream, out=io.StringIO()).call_out("interrupted_now")
        assert "Stopped at once." in os.read(other_end.fileno(), 1000).decode()
