"""A drop meets a set-up that is wrong: nothing is lost, nothing is sent, and what to mend is told."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from batch.drop_contents import _as_bad_input
from batch.drop_folder import find_sealed, resume, take
from batch.quarantine import DropRefused
from batch.work_folder import rename_durably
from jobs.ownership import only_one
from schemas.errors import BadInput, ConfigurationError
from tests.rigs import drops
from tests.rigs.commands import dropped
from tests.rigs.drops import Drop, OpenHouse, good_drop
from tests.rigs.houses import FoundHouse

ID = "20261124-110000-abcdef"


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the tests' own."""
    folder = Path("/dev/shm") / f"brevdue-{uuid4().hex}"
    folder.mkdir()
    if folder.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("everything lies on one file system here")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("seal", ["marker", "quiet"])
def test_a_work_folder_on_another_disk_leaves_the_drop_where_it_lies(
    intake_house: OpenHouse, other_disk: Path, seal: str
) -> None:
    house = intake_house(seal=seal, quiet_seconds=0)
    good_drop(2).write_folder(house.inbox, marker=".klar" if seal == "marker" else "")
    before = sorted(os.listdir(house.inbox))
    (house.source.folder / "arbejde").rmdir()
    (house.source.folder / "arbejde").symlink_to(other_disk)
    (drop,) = find_sealed(drops.SOURCE, house.source, now=lambda: datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(ConfigurationError) as fault:
        take(drop, ID)
    assert fault.value.code == "drop.other_file_system"
    assert resume(drops.SOURCE, house.source, house.ledger.has_batch) == []
    assert (sorted(os.listdir(house.inbox)), os.listdir(other_disk)) == (before, [])


def test_a_rename_that_is_not_allowed_is_told_without_a_name() -> None:
    with pytest.raises(ConfigurationError) as fault:
        rename_durably(Path("/proc/self/comm"), Path("/proc/self/environ"))  # nobody may, not even root
    assert (fault.value.code, fault.value.params) == ("drop.no_permission", {})


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_file_that_may_not_be_read_is_told_without_its_name(number: int) -> None:
    fault = _as_bad_input(OSError(number, "no", f"{drops.OK}.pdf"))
    assert isinstance(fault, BadInput)
    assert (fault.code, fault.params) == ("drop.unreadable_file", {})


def test_a_material_without_a_channel_keeps_its_drop_until_there_is_one(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(2).write_folder(house.inbox)
    house.intake._routes = {}
    with pytest.raises(ConfigurationError) as fault:
        house.pull()
    assert (fault.value.code, fault.value.params) == ("batch.no_channel", {"material": "loenseddel"})
    assert house.ledger.batches() == [] and len(house.in_folder("arbejde")) == 1
    mended = intake_house()
    (left,) = resume(drops.SOURCE, mended.source, mended.ledger.has_batch)
    assert mended.intake.take_in(drops.SOURCE, left).n_ready == 2


def test_a_csv_whose_documents_lie_nowhere_is_refused(intake_house: OpenHouse, tmp_path: Path) -> None:
    house = intake_house()
    csv = tmp_path / "november.csv"
    csv.write_bytes(good_drop(1).index)
    with pytest.raises(DropRefused) as refused:
        house.intake.take_csv(drops.SOURCE, csv, tmp_path / "nowhere")
    assert refused.value.code == "drop.no_documents"


def test_utf8_under_a_declared_cp1252_is_taken_with_a_warning(intake_house: OpenHouse) -> None:
    house = intake_house(encoding="cp1252")
    Drop().add(title="Lønseddel på æ").write_folder(house.inbox)
    done = house.take_one()
    assert house.warnings(done.batch_id) == [(1, "index.looks_utf8")]


def test_a_source_that_another_process_pulls_is_left_to_it(found_house: FoundHouse) -> None:
    house = found_house()
    dropped(house, 1)
    lock = house.settings.house.data / "locks" / "pull-loen.lock"
    with only_one(lock, "pull.busy", source="loen"):
        told = house.brevdue("pull")
    assert (told.code, told.data["busy"], told.data["taken"]) == (0, ["loen"], [])
    assert len(house.brevdue("pull").data["taken"]) == 1
