"""One source can't be worked off: its fault is said with its exit code, and every other source goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.rigs.big_drops import BigDrop, write_big_drop
from tests.rigs.components import require_component
from tests.rigs.houses import FoundHouse, HouseOnDisk, Ran
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.services import QUICK, running

# The sources are worked off in the order of the settings: one with a fault stands between two good ones.
SOURCES = """
[sources.midt]
folder = "midt"
material = "loenseddel"
[sources.sidst]
folder = "sidst"
material = "loenseddel"
"""
ELSEWHERE = (Path("/dev/shm"), Path("/var/tmp"), Path("/run"))
SEEDS = {"loen": 1, "midt": 2, "sidst": 3}
N = 3


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system than the test's own."""
    here = tmp_path.stat().st_dev
    other = next((path for path in ELSEWHERE if path.is_dir() and path.stat().st_dev != here), None)
    require_component("a second file system", other is not None, "mount -t tmpfs tmpfs /dev/shm")
    with TemporaryDirectory(dir=other) as folder:
        yield Path(folder)


def _house(found_house: FoundHouse, **lines: str) -> HouseOnDisk:
    return found_house(source=SOURCES, **lines)


def _inbox(house: HouseOnDisk, source: str) -> Path:
    return house.settings.sources[source].folder / "ind"


def _dropped(house: HouseOnDisk, *sources: str) -> dict[str, BigDrop]:
    return {
        source: write_big_drop(_inbox(house, source), source, N, seed=SEEDS[source], n_bytes=4_000)
        for source in sources
    }


def _expected(drops: dict[str, BigDrop]) -> dict[str, str]:
    return {cpr: digest for drop in drops.values() for cpr, digest in drop.expected.items()}


def _block(house: HouseOnDisk, source: str) -> None:
    """Puts a file where the source's inbox must be, as a share does that was mounted wrongly."""
    _inbox(house, source).rmdir()
    _inbox(house, source).touch()


def _said(ran: Ran) -> tuple[int, str, int, list[int]]:
    """Returns the exit codes and the error of a pull, and the lines of every batch it took."""
    told = json.loads(ran.err)
    assert told["what"] and told["do"]
    return ran.code, told["error"], ran.data["exit_code"], [one["n_lines"] for one in ran.data["taken"]]


def test_an_inbox_that_can_not_be_used_stops_no_other_source(found_house: FoundHouse) -> None:
    house = _house(found_house)
    _block(house, "midt")
    drops = _dropped(house, "loen", "sidst")
    assert _said(house.brevdue("pull")) == (4, "program.disk_failed", 4, [N, N])
    _inbox(house, "midt").unlink()
    drops |= _dropped(house, "midt")
    house.day()
    assert_each_exactly_once(house, _expected(drops))
    assert_ledger_agrees(house, 3 * N)


def test_an_inbox_on_another_file_system_stops_no_other_source_and_keeps_its_drop(
    found_house: FoundHouse, elsewhere: Path
) -> None:
    house = _house(found_house)
    _inbox(house, "midt").rmdir()
    _inbox(house, "midt").symlink_to(elsewhere)
    drops = _dropped(house, "loen", "midt", "sidst")
    assert _said(house.brevdue("pull")) == (2, "drop.other_file_system", 2, [N, N])
    _inbox(house, "midt").unlink()
    shutil.copytree(elsewhere, _inbox(house, "midt"))
    house.day()
    assert_each_exactly_once(house, _expected(drops))
    assert_ledger_agrees(house, 3 * N)


def test_of_several_faults_the_first_is_said(found_house: FoundHouse, elsewhere: Path) -> None:
    house = _house(found_house)
    _inbox(house, "midt").rmdir()
    _inbox(house, "midt").symlink_to(elsewhere)
    _dropped(house, "midt")
    _block(house, "sidst")
    assert _said(house.brevdue("pull")) == (2, "drop.other_file_system", 2, [])


@pytest.mark.parametrize("source", ["midt", "findes_ikke"])
def test_a_source_that_is_asked_for_by_name_says_its_own_fault(found_house: FoundHouse, source: str) -> None:
    house = _house(found_house)
    _block(house, "midt")
    _dropped(house, "loen")
    ran = house.brevdue("pull", "--source", source)
    expected = {"midt": (4, "program.disk_failed"), "findes_ikke": (2, "settings.no_source")}
    assert (ran.code, json.loads(ran.err)["error"]) == expected[source]
    assert house.status()["batches"] == []


def test_what_is_wrong_with_the_house_is_no_fault_of_a_source(found_house: FoundHouse) -> None:
    house = _house(found_house)
    _dropped(house, "loen")
    for path in house.settings.house.data.glob("brevdue.db*"):
        path.unlink()
    ran = house.brevdue("pull")
    assert (ran.code, ran.out, json.loads(ran.err)["error"]) == (2, "", "ledger.missing")
    assert (_inbox(house, "loen") / "loen").is_dir()


def test_a_service_sends_what_the_other_sources_gave_and_names_the_fault(found_house: FoundHouse) -> None:
    house = _house(found_house, house=QUICK)
    _block(house, "midt")
    drops = _dropped(house, "loen", "sidst")
    with running(house) as service:
        service.wait_for("batch.closed", 2)
        service.wait_for("verb.unreached")
        assert service.stop().code == 0
    fault = next(line for line in service.log() if line["event"] == "verb.unreached")
    assert (fault["verb"], fault["code"]) == ("pull", "program.disk_failed")
    assert_each_exactly_once(house, _expected(drops))
    assert_ledger_agrees(house, 2 * N)
