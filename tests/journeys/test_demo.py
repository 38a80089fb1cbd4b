"""The demo runs a whole day without settings: both ends agree, and what it says to try next works."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from jobs.cli import run
from jobs.demo import run_demo
from jobs.demo.people import employees
from jobs.screen import Screen
from schemas.identity import Verdict, judge_cpr

CHANNELS = {"eboks", "smime", "tunnel", "tls"}


def demo(folder: Path, *, as_json: bool = False, soap: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = run_demo(folder, screen=Screen(out=out, err=io.StringIO(), as_json=as_json), soap=soap)
    return code, out.getvalue()


@pytest.mark.parametrize("soap", [False, True])
def test_the_day_goes_as_planned_and_both_ends_agree(tmp_path: Path, soap: bool) -> None:
    code, out = demo(tmp_path / "demo", as_json=True, soap=soap)
    told = json.loads(out)
    assert (code, told["as_planned"], told["adds_up"], told["lines"]) == (0, True, True, 200)
    assert told["held_by_simulators"] == told["states"]["delivered"]
    assert (told["in_the_clear"], told["to_the_wrong_person"]) == (0, 0)
    assert set(told["channels"]) == CHANNELS
    assert all(one["ours"] == one["theirs"] > 0 for one in told["channels"].values())
    assert told["refused_again"] == "drop.already_taken"
    assert Path(told["report"]).exists()
    assert told["rejected"] == 5
    assert told["states"]["held"] == 5
    assert told["states"]["failed"] == 1
    assert run(["--json", "--settings", told["settings"], "status"]) == 3
    assert run(["--json", "--settings", told["settings"], "explain", f"{told['batch']}-00003"]) == 0
    assert (
        run(["--json", "--settings", told["settings"], "release", told["batch"], "--rows", "--reason", "ok"])
        == 0
    )


@pytest.mark.parametrize(("soap", "interface"), [(False, "REST"), (True, "SOAP")])
def test_it_says_which_interface_it_used(tmp_path: Path, soap: bool, interface: str) -> None:
    _, out = demo(tmp_path / "demo", soap=soap)
    assert f"over {interface} med" in out


def test_it_says_that_all_is_simulated_and_shows_no_number(tmp_path: Path) -> None:
    _, out = demo(tmp_path / "demo")
    assert "simuleret" in out
    assert "starttls.not_offered" in out
    assert not any(one.cpr in out or one.name in out for one in employees(200))


def test_the_invented_people_have_numbers_that_follow_the_rules() -> None:
    from datetime import date

    people = employees(200)
    assert {judge_cpr(one.cpr, date(2026, 11, 24)) for one in people} == {Verdict.OK}
    assert len({one.cpr for one in people}) == 200


def test_it_speaks_english_too(tmp_path: Path) -> None:
    out = io.StringIO()
    screen = Screen(out=out, err=io.StringIO(), language="en")
    assert run_demo(tmp_path / "demo", screen=screen) == 0
    assert "Both ends agree" in out.getvalue()
    assert "To one there is no way" in out.getvalue()
