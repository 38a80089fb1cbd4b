"""`brevdue run` on a house that can't work says at once why, and leaves with the code that its fault has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.services import QUICK, running

pytest_plugins = ["tests.rigs.houses"]


def _refused(house: HouseOnDisk) -> tuple[int, str]:
    ran = house.brevdue("run")
    return ran.code, json.loads(ran.err.splitlines()[-1])["error"]


def test_without_keys_it_does_not_start(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    shutil.rmtree(house.settings.house.keys_folder)
    assert _refused(house) == (2, "keys.missing")


def test_without_a_ledger_it_does_not_start(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    for path in house.settings.house.data.glob("brevdue.db*"):
        path.unlink()
    assert _refused(house) == (2, "ledger.missing")
    log = (house.path.parent / "brevdue.log").read_text(encoding="utf-8")
    assert [json.loads(line)["code"] for line in log.splitlines()] == ["ledger.missing"]


def test_with_a_log_that_can_not_be_written_it_does_not_start(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    (house.path.parent / "brevdue.log").mkdir()
    assert _refused(house) == (2, "run.no_log_file")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('cron = "0 8 * *"', "timetable.bad_cron"),
        ('cron = "0 8 31 2 *"', "timetable.never"),
        ("every_seconds = 0.0001", "timetable.bad_interval"),
    ],
)
def test_with_a_wrong_timetable_it_does_not_start(found_house: FoundHouse, line: str, code: str) -> None:
    house = found_house(house=f'[timetable.natten]\nverb = "purge"\n{line}\n')
    assert _refused(house) == (2, code)


def test_an_inbox_that_goes_away_is_waited_for(found_house: FoundHouse, tmp_path: Path) -> None:
    house = found_house(house=QUICK)
    with running(house) as service:
        service.wait_for("watch.started")
        house.inbox.rename(tmp_path / "bort")
        house.inbox.touch()
        service.wait_for("verb.unreached", 2)
        house.inbox.unlink()
        (tmp_path / "bort").rename(house.inbox)
        (house.inbox / "tom").mkdir()
        (house.inbox / "tom.klar").touch()
        service.wait_for("drop.refused")
        assert service.stop().code == 0
