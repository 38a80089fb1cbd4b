"""The demo runs a whole day without settings: both ends agree, and what it says to try next works."""

from __future__ import annotations

import io
import json
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import httpx
import pytest

from jobs.cli import run
from jobs.demo import run_demo
from jobs.demo.both_ends import BothEnds, ChannelEnds
from jobs.demo.day import program
from jobs.demo.drop import BY_PORTAL
from jobs.demo.people import employees
from jobs.demo.portal_visit import serving
from jobs.demo.reader import link_in, read
from jobs.demo.workplace import Workplace, found, simulators
from jobs.house import open_house
from jobs.screen import Screen
from jobs.settings_file import read_settings
from schemas.identity import Verdict, judge_cpr
from schemas.states import State
from tests.rigs.portal_sites import form_in

CHANNELS = {"eboks", "smime", "tunnel", "tls", "portal"}


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
    assert told["states"]["accepted"] == 1
    portal = told["portal"]
    assert (portal["notices"], portal["read"], portal["waiting"], len(portal["unread"])) == (2, 1, 1, 1)
    assert run(["--json", "--settings", told["settings"], "status"]) == 3
    assert run(["--json", "--settings", told["settings"], "explain", f"{told['batch']}-00003"]) == 0
    assert (
        run(["--json", "--settings", told["settings"], "release", told["batch"], "--rows", "--reason", "ok"])
        == 0
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A day as a person sees it: its folder and what was said."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder)[1]


def test_the_letter_that_waits_opens_with_the_link_and_code_it_told_and_is_delivered_then(
    day: tuple[Path, str],
) -> None:
    folder, out = day
    serve, link, code = told(out)
    path = folder / "brevdue.toml"
    assert serve == f"brevdue --settings {path} portal"
    assert code in BY_PORTAL.values()
    settings = read_settings(path)
    authorities = settings.house.data / "simulator" / "server-ca.pem"
    with serving(path, settings):
        with pytest.raises(HTTPError) as caught:
            read(link, "krydder 0000", authorities)
        assert caught.value.code == 403
        assert read(link, code, authorities).startswith(b"%PDF")
    assert run(["--json", "--settings", str(path), "collect"]) == 0
    with open_house(settings) as house:
        (batch,) = house.ledger.batches(limit=1)
        portal = house.ledger.channel_counts(batch.id)["portal"]
    assert (portal[State.DELIVERED], portal.get(State.ACCEPTED, 0)) == (2, 0)


def test_what_a_recipient_writes_back_is_read_by_the_commands_it_told(day: tuple[Path, str]) -> None:
    folder, out = day
    _, link, code = told(out)
    settings = read_settings(folder / "brevdue.toml")
    authorities = ssl.create_default_context(cafile=settings.house.data / "simulator" / "server-ca.pem")
    with (
        serving(folder / "brevdue.toml", settings),
        httpx.Client(verify=authorities, follow_redirects=True) as browser,
    ):
        page = browser.get(link)
        action, hidden = form_in(page.text, "/bevis")
        page = browser.post(page.url.join(action), data=hidden | {"answer": code})
        page = browser.get(f"{page.url}/svar")
        action, hidden = form_in(page.text, "/svar")
        page = browser.post(page.url.join(action), data=hidden | {"text": "Der mangler en time."})
        assert page.url.path.endswith("/sendt")
    fetch, read_it = (line.strip().split() for line in out.splitlines()[-2:])
    assert run(["--json", *fetch[1:]]) == 0
    place = read_it.index("open-reply") + 1
    sealed = list(Path(read_it[place]).parent.glob(Path(read_it[place]).name))
    assert [b"mangler" in one.read_bytes() for one in sealed] == [False]
    assert run(["--json", *read_it[1:place], *map(str, sealed), *read_it[place + 1 :]]) == 0
    (message,) = (folder / "svar-aabnet").glob("*/besked.txt")
    assert "Der mangler en time." in message.read_text(encoding="utf-8")


def told(out: str) -> tuple[str, str, str]:
    """Returns the command that serves the portal, and the link and code of the letter that waits."""
    lines = [line.strip() for line in out.splitlines()]
    place = next(number for number, line in enumerate(lines) if line.startswith("Link: "))
    serve, link, code = lines[place - 1 : place + 2]
    return serve, link.removeprefix("Link: "), code.removeprefix("Kode: ")


def test_what_it_founds_is_all_in_order(tmp_path: Path) -> None:
    place: Workplace = found(tmp_path / "demo")
    with simulators(place):
        assert run(["--json", "--settings", str(place.settings_path), "check"]) == 0


def test_both_ends_differ_where_a_notice_is_missing_or_nobody_read() -> None:
    good = BothEnds((ChannelEnds("portal", 1, 1),), n_notices=2, n_waiting=1)
    assert good.agree
    assert not replace(good, n_notices=1).agree
    assert not replace(good, n_wrong=1).agree
    assert not replace(good, channels=(ChannelEnds("portal", 1, 0),)).agree


def test_a_mail_without_a_link_is_no_notice() -> None:
    with pytest.raises(ValueError, match="no link"):
        link_in(b"Subject: hej\r\n\r\nhttps://127.0.0.1/b/kort\r\n")


def test_it_says_which_interface_it_used(tmp_path: Path, day: tuple[Path, str]) -> None:
    assert "over REST med" in day[1]
    assert "over SOAP med" in demo(tmp_path / "demo", soap=True)[1]


def test_it_says_that_all_is_simulated_and_shows_no_number(day: tuple[Path, str]) -> None:
    _, out = day
    assert "simuleret" in out
    assert "starttls.not_offered" in out
    assert not any(one.cpr in out or one.name in out for one in employees(200))
    assert not any(address in out for address in BY_PORTAL)


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
    assert "lies unread in the portal" in out.getvalue()


@pytest.mark.parametrize(
    ("started", "on_path", "typed"),
    [
        ("env/bin/brevdue", "", "env/bin/brevdue"),
        ("env/bin/brevdue", "env/bin", "brevdue"),
        ("env/bin/brevdue", "other/bin", "env/bin/brevdue"),
        ("env/bin/pytest", "env/bin", "brevdue"),
    ],
)
def test_the_commands_it_tells_work_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, on_path: str, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("env/bin", "other/bin"):
        Path(place).mkdir(parents=True)
        Path(place, "brevdue").write_text("#!/bin/sh\n")
        Path(place, "brevdue").chmod(0o755)
    monkeypatch.setenv("PATH", on_path and str(tmp_path / on_path))
    monkeypatch.setattr("sys.argv", [started])
    assert program() == typed
