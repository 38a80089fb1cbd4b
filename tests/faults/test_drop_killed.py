"""A process killed at any named point of taking in: the next pull makes exactly the right batch of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batch.document_store import DocumentStore
from batch.intake import Taken
from tests.rigs import drops
from tests.rigs.drops import IntakeHouse, OpenHouse, good_drop

POINTS = (
    "drop.marker_moved",
    "drop.taken",
    "intake.parsed",
    "intake.half_packed:2",
    "intake.packed",
    "intake.archived",
    "intake.recorded",
    "intake.cleaned",
)
Crash = Callable[..., None]


def _originals(house: IntakeHouse) -> list[Path]:
    """Returns every plain file left in the source's folders."""
    return [path for path in house.source.folder.rglob("*") if path.is_file() and path.suffix != ".pack"]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_anywhere_leaves_one_whole_batch(intake_house: OpenHouse, crash_at: Crash, point: str) -> None:
    house = intake_house()
    drop = good_drop(4).add(drops.BAD_DATE, "afvist.pdf")
    drop.files["ekstra.pdf"] = b"stray"
    drop.write_folder(house.inbox)
    crash_at(point, hold_above_percent=100)
    intake_house(hold_above_percent=100).pull()
    (batch,) = house.ledger.batches()
    assert (batch.n_lines, batch.n_rejected, batch.adds_up) == (5, 1, True)
    assert _originals(house) == []
    assert house.in_folder("arkiv") == [f"{batch.id}.pack"]
    assert house.in_folder("arbejde") == house.in_folder("karantaene") == []
    store = DocumentStore(house.vault, drops.TENANT, {drops.SOURCE: house.source.folder / "arkiv"})
    for line, number in enumerate(drops.GOOD[:4], 2):
        standing = house.ledger.standing(f"{batch.id}-{line:05d}")
        assert standing is not None
        consignment = standing.consignment
        assert consignment is not None
        assert store.read(consignment, consignment.documents[0]) == drops.payslip(number)


@pytest.mark.parametrize("point", ["drop.marker_moved", "intake.half_packed", "intake.recorded"])
def test_a_kill_while_a_zip_is_taken_leaves_one_whole_batch(
    intake_house: OpenHouse, crash_at: Crash, point: str
) -> None:
    house = intake_house()
    good_drop(3).write_zip(house.inbox, top="loen/")
    crash_at(point)
    house.pull()
    (batch,) = house.ledger.batches()
    assert (batch.n_lines, batch.adds_up, batch.origin) == (3, True, "zip")
    assert _originals(house) == []


@pytest.mark.parametrize("point", ["quarantine.explained", "quarantine.moved"])
def test_a_kill_while_a_drop_is_refused_ends_with_it_in_quarantine(
    intake_house: OpenHouse, crash_at: Crash, point: str
) -> None:
    house = intake_house()
    (good_drop(1).write_folder(house.inbox) / "under").mkdir()
    crash_at(point)
    house.pull()
    (folder,) = (house.source.folder / "karantaene").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["aarsag.json", "aarsag.txt", "uddata"]
    assert house.in_folder("arbejde") == house.in_folder("arkiv") == []
    assert house.ledger.batches() == []


def test_a_drop_comes_after_a_crash_and_both_are_taken(intake_house: OpenHouse, crash_at: Crash) -> None:
    house = intake_house()
    good_drop(2).write_folder(house.inbox, "uddata")
    crash_at("intake.half_packed")
    drops.Drop().add(drops.CVR).write_folder(house.inbox, "uddata")
    done = house.pull()
    assert [one.n_ready for one in done if isinstance(one, Taken)] == [2, 1]
