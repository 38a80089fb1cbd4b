"""`brevdue enrolment import`: the whole list or the old one, with counts, and every bad line named."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.house import open_house
from tests.rigs.big_drops import cprs
from tests.rigs.commands import said, start, terminal, wait_until
from tests.rigs.enrolment_lists import HEADER, enrolled, write_list
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.simulator import RunningSimulator

DAY = 24 * 3600.0
NUMBERS = list(cprs(100))
LIST = 'enrolment = ["list"]'


@pytest.fixture(params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, found_house: FoundHouse, simulator: RunningSimulator
) -> HouseOnDisk:
    """A house on each database whose channel asks the list."""
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    return found_house(simulator, database_url=url, channel=LIST)


@pytest.fixture
def small_house(found_house: FoundHouse, simulator: RunningSimulator) -> HouseOnDisk:
    return found_house(simulator, channel=LIST)


def listed(house: HouseOnDisk, number: str) -> str:
    """Returns the list's answer, empty when no list counts."""
    with open_house(house.settings) as opened:
        found = opened.ledger.enrolments.listed("eboks", number, DAY)
    return found.answer if found else ""


def test_a_list_replaces_the_former_one_and_tells_how_it_differs(house: HouseOnDisk, tmp_path: Path) -> None:
    path = tmp_path / "liste.csv"
    write_list(path, map(enrolled, NUMBERS[:90]))
    ran = house.brevdue("enrolment", "import", str(path))
    assert ran.code == 0, ran.err
    (told,) = ran.data["lists"]
    assert (told["channel"], told["in_force"], told["recipients"], told["new"]) == ("eboks", True, 90, 90)
    changed = [f"cpr;{NUMBERS[0]};;;fritaget", *map(enrolled, NUMBERS[2:91])]
    write_list(path, changed)
    (told,) = house.brevdue("enrolment", "import", str(path)).data["lists"]
    assert {key: told[key] for key in ("recipients", "new", "gone", "changed", "rejected")} == {
        "recipients": 90, "new": 1, "gone": 1, "changed": 1, "rejected": 0,
    }  # fmt: skip
    assert [listed(house, NUMBERS[at]) for at in (0, 1, 2)] == [
        "exempt",
        "not_for_this_material",
        "enrolled",
    ]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: write_list(path, []), "enrolment_list.empty"),
        (lambda path: write_list(path, map(enrolled, NUMBERS[:89])), "enrolment_list.shrunk"),
        (lambda path: write_list(path, map(enrolled, NUMBERS), total=""), "enrolment_list.no_total"),
        (
            lambda path: write_list(path, map(enrolled, NUMBERS), total="#ANTAL;99"),
            "enrolment_list.wrong_total",
        ),
        (
            lambda path: write_list(
                path, [*map(enrolled, NUMBERS), "cpr;x;1;;tilmeldt", "cpr;y;1;;tilmeldt"]
            ),
            "enrolment_list.too_many_rejected",
        ),
        (
            lambda path: write_list(
                path, map(enrolled, NUMBERS), total="#ANTAL;100;2026-01-01T00:00:00+01:00"
            ),
            "enrolment_list.older",
        ),
    ],
)
def test_a_doubtful_list_replaces_no_good_one_without_force(
    house: HouseOnDisk, tmp_path: Path, make: Callable[[Path], Path], code: str
) -> None:
    path = write_list(tmp_path / "liste.csv", map(enrolled, NUMBERS))
    assert house.brevdue("enrolment", "import", str(path)).code == 0
    make(path)
    ran = house.brevdue("enrolment", "import", str(path))
    (told,) = ran.data["lists"]
    assert (ran.code, told["in_force"], told["code"]) == (1, False, code)
    assert listed(house, NUMBERS[0]) == "enrolled"
    (forced,) = house.brevdue("enrolment", "import", str(path), "--force").data["lists"]
    assert forced["in_force"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "enrolment_list.no_header"),
        (bytes(range(256)), "enrolment_list.bad_encoding"),
        (f"{HEADER}\n#ANTAL;0\n{enrolled(NUMBERS[0])}\n".encode(), "enrolment_list.total_not_last"),
        (f'{HEADER}\ncpr;"{NUMBERS[0]};1;;tilmeldt\n'.encode(), "enrolment_list.unreadable_line"),
    ],
)  # fmt: skip
def test_a_damaged_file_replaces_nothing_not_even_by_force(
    small_house: HouseOnDisk, tmp_path: Path, data: bytes, code: str
) -> None:
    house = small_house
    path = write_list(tmp_path / "liste.csv", map(enrolled, NUMBERS))
    house.brevdue("enrolment", "import", str(path))
    path.write_bytes(data)
    ran = house.brevdue("enrolment", "import", str(path), "--force")
    assert (ran.code, ran.data["lists"][0]["code"]) == (1, code)
    assert listed(house, NUMBERS[0]) == "enrolled"


def test_a_list_from_the_future_or_of_yesterday_is_of_no_use(
    small_house: HouseOnDisk, tmp_path: Path
) -> None:
    house, now = small_house, datetime.now(UTC)
    path = tmp_path / "liste.csv"
    for at, code in (
        (now + timedelta(hours=1), "enrolment_list.from_future"),
        (now - timedelta(hours=25), "enrolment_list.too_old"),
    ):
        write_list(path, map(enrolled, NUMBERS), total=f"#ANTAL;100;{at.isoformat()}")
        assert house.brevdue("enrolment", "import", str(path)).data["lists"][0]["code"] == code
    write_list(path, map(enrolled, NUMBERS))
    os.utime(path, (now.timestamp() - 25 * 3600,) * 2)  # a list that does not say is as old as its file
    assert (
        house.brevdue("enrolment", "import", str(path)).data["lists"][0]["code"] == "enrolment_list.too_old"
    )
    assert house.brevdue("enrolment", "import", str(path), "--force").data["lists"][0]["in_force"]
    assert listed(house, NUMBERS[0]) == ""


def test_bad_lines_are_told_masked_on_the_screen_in_json_and_in_a_file(
    small_house: HouseOnDisk, tmp_path: Path
) -> None:
    house, number = small_house, NUMBERS[7]
    lines = [*map(enrolled, NUMBERS), *map(enrolled, NUMBERS), f"cpr;{number};1;;hvadsomhelst"]
    path, errors = write_list(tmp_path / "liste.csv", lines), tmp_path / "fejl.csv"
    ran = house.brevdue("enrolment", "import", str(path), "--errors", str(errors))
    assert ran.code == 1
    (told,) = ran.data["lists"]
    assert (told["in_force"], told["rejected_by_code"]) == (True, {"enrolment_list.bad_status": 1})
    shown = f"{number[:6]}-••••"
    assert ran.data["faults"] == [
        {
            "line": 202,
            "column": "status",
            "recipient": shown,
            "code": "enrolment_list.bad_status",
            "params": {},
        }
    ]
    with errors.open(encoding="utf-8-sig", newline="") as file:
        ((line, column, recipient, code, _, channel),) = list(csv.reader(file, delimiter=";"))[1:]
    assert (line, column, recipient, code, channel) == (
        "202", "status", shown, "enrolment_list.bad_status", "eboks",
    )  # fmt: skip
    assert errors.stat().st_mode & 0o777 == 0o600
    spoken = said(house, "enrolment", "import", str(path))
    assert shown in spoken.out
    for text in (ran.out, ran.err, spoken.out, spoken.err, errors.read_text(encoding="utf-8-sig")):
        assert number not in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nowhere.csv"], "usage.cannot_read"),
        (["liste.csv", "--channel", "smime"], "settings.no_channel"),
        (["liste.csv", "--errors", "no/such/folder.csv"], "usage.cannot_write"),
    ],
)
def test_a_wrong_call_is_told(
    small_house: HouseOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_list(Path("liste.csv"), map(enrolled, NUMBERS))
    ran = small_house.brevdue("enrolment", "import", *words)
    assert ran.code == 2
    assert code in ran.err


def test_a_house_whose_channels_ask_no_list_says_how_to_change_that(
    found_house: FoundHouse, simulator: RunningSimulator, tmp_path: Path
) -> None:
    house = found_house(simulator)
    path = write_list(tmp_path / "liste.csv", map(enrolled, NUMBERS))
    ran = house.brevdue("enrolment", "import", str(path))
    assert (ran.code, "enrolment_list.not_asked" in ran.err) == (2, True)
    assert house.brevdue("enrolment", "import", str(path), "--channel", "eboks").code == 0


def test_on_a_terminal_a_bar_shows_how_far_it_is(small_house: HouseOnDisk, tmp_path: Path) -> None:
    path = write_list(tmp_path / "liste.csv", map(enrolled, NUMBERS))
    with terminal() as (descriptor, read):
        process = start(small_house, "enrolment", "import", str(path), err=descriptor)
        out, _ = process.communicate(timeout=60)
        shown = read()
    assert process.returncode == 0
    assert "Indlæser" in shown and "100" in shown
    assert "100 nye" in out


def test_an_import_that_is_interrupted_leaves_the_old_list_in_force(
    small_house: HouseOnDisk, tmp_path: Path
) -> None:
    house = small_house
    path = write_list(tmp_path / "liste.csv", map(enrolled, NUMBERS))
    house.brevdue("enrolment", "import", str(path))
    large = write_list(tmp_path / "stor.csv", (f"cpr;{one};;;fritaget" for one in NUMBERS * 3_000))
    process = start(house, "--json", "enrolment", "import", str(large))

    def begun() -> bool:
        with open_house(house.settings) as opened:
            return opened.ledger.enrolments.lists.staged("eboks") > 0

    wait_until(begun, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert '"stopped": true' in out
    assert listed(house, NUMBERS[0]) == "enrolled"
