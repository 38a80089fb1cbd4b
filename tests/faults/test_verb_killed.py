"""A verb killed at any named point, at its first pass or a later one: the next runs finish the day.

Both ends are counted: e-Boks holds every document once at its person, the ledger agrees, the answers add up.
"""

from __future__ import annotations

import ast
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults import test_drop_killed
from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.killing import kill_at
from tests.rigs.simulator import StartSimulator
from tests.rigs.source import called_name, modules

PULL_POINTS = (
    "drop.marker_moved",
    "drop.taken",
    "intake.parsed",
    "intake.half_packed",
    "intake.packed",
    "intake.archived",
    "intake.recorded",
    "intake.cleaned",
)
REFUSE_POINTS = ("quarantine.explained", "quarantine.moved")
DISPATCH_POINTS = ("dispatch.claimed", "dispatch.sent", "dispatch.recorded")
CLOSE_POINTS = ("answers.written", "close.closed")
PURGE_POINTS = ("purge.keys_gone",)
ERASE_POINTS = ("purge.answers_gone", "purge.evidence_gone")

# More than one slice, so that a point between two slices is passed a second time.
N_SLICES = 140
N = 3


@pytest.fixture
def house(found_house: FoundHouse, start_simulator: StartSimulator) -> HouseOnDisk:
    return found_house(start_simulator(), house="pdf_workers = 1")


class Dropped:
    """Drops that were written into a house, and what they should become."""

    def __init__(self, house: HouseOnDisk) -> None:
        self.house = house
        self.expected: dict[str, str] = {}
        self.sizes: list[int] = []

    def add(self, n: int = N) -> None:
        number = len(self.sizes) + 1
        drop = write_big_drop(self.house.inbox, f"drop-{number}", n, seed=number, n_bytes=4_000)
        self.expected |= drop.expected
        self.sizes.append(n)

    def assert_the_day_ends_well(self) -> None:
        """Runs what is left of the day, and compares e-Boks, ledger and answers with what was dropped."""
        self.house.day()
        assert_each_exactly_once(self.house, self.expected)
        assert_ledger_agrees(self.house, len(self.expected))
        reports = [json.loads(p.read_text(encoding="utf-8")) for p in self.house.answers("rapport.json")]
        taken = [one for one in reports if not one["afvist_helt"]]
        assert sorted(one["antal"] for one in taken) == sorted(self.sizes)
        assert all(one["sum_stemmer"] and one["endelig"] for one in taken)
        assert all(batch["closed_at"] for batch in self.house.status()["batches"])


@pytest.fixture
def dropped(house: HouseOnDisk) -> Dropped:
    return Dropped(house)


def _points() -> Iterator[str]:
    """Yields every failpoint that the product's source names."""
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and called_name(node) == "failpoint":
                (name,) = node.args
                assert isinstance(name, ast.Constant)
                yield str(name.value)


def test_no_failpoint_of_the_product_is_left_out() -> None:
    tried = PULL_POINTS + REFUSE_POINTS + DISPATCH_POINTS + CLOSE_POINTS + PURGE_POINTS + ERASE_POINTS
    assert sorted(tried) == sorted(_points())
    assert {point.partition(":")[0] for point in test_drop_killed.POINTS} == set(PULL_POINTS)


def test_pull_killed_at_any_point_and_killed_again_while_it_mends_that(
    house: HouseOnDisk, dropped: Dropped
) -> None:
    inbox, workplace = house.inbox, house.source / "arbejde"
    for point in PULL_POINTS:
        dropped.add()
        dropped.add()
        # What the kills before left is taken first: the second pass is a fresh drop's or an old one's.
        kill_at(house, f"{point}:2", "pull")
        known = {batch["batch"] for batch in house.status()["batches"]} | set(os.listdir(workplace))
        waiting = [path for path in inbox.iterdir() if path.is_dir()]
        assert len(known) + len(waiting) >= len(dropped.sizes), point
    dropped.assert_the_day_ends_well()
    assert os.listdir(workplace) == os.listdir(inbox) == []


def test_pull_killed_at_the_second_drop_it_refuses(house: HouseOnDisk, dropped: Dropped) -> None:
    dropped.add()
    for n_refused, point in enumerate(REFUSE_POINTS, start=1):
        for name in (f"{point}-a", f"{point}-b"):
            (house.inbox / name / "under").mkdir(parents=True)
            (house.inbox / f"{name}.klar").touch()
        kill_at(house, f"{point}:2", "pull")
        house.brevdue("pull")
        assert len(list((house.source / "karantaene").iterdir())) == 2 * n_refused, point
        assert len(house.answers("rapport.json")) == 1 + 2 * n_refused, point
    dropped.assert_the_day_ends_well()


@pytest.mark.parametrize("again", ["dispatch.claimed:2", "dispatch.sent:130", "dispatch.recorded:2"])
def test_dispatch_killed_at_its_first_pass_and_at_a_later_one(
    house: HouseOnDisk, dropped: Dropped, again: str
) -> None:
    for point in (again.partition(":")[0], again):
        dropped.add(N_SLICES)
        house.brevdue("pull")
        kill_at(house, point, "dispatch")
        dropped.assert_the_day_ends_well()


def test_close_killed_at_its_first_pass_and_at_a_later_one(house: HouseOnDisk, dropped: Dropped) -> None:
    for _ in range(6):
        dropped.add()
    house.brevdue("pull")
    house.brevdue("dispatch")
    closed = []
    for point in ("answers.written", "answers.written:2", "close.closed", "close.closed:2"):
        kill_at(house, point, "close")
        closed.append(sum(batch["closed_at"] is not None for batch in house.status()["batches"]))
    assert closed == [0, 1, 2, 4]
    dropped.assert_the_day_ends_well()


def test_purge_killed_at_its_first_pass_and_at_a_later_one(house: HouseOnDisk, dropped: Dropped) -> None:
    for _ in range(5):
        dropped.add()
    dropped.assert_the_day_ends_well()
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(f"{text}\n[retention]\ndocument_days = 0\n", encoding="utf-8")
    archive = house.source / "arkiv"
    (point,) = PURGE_POINTS
    kill_at(house, point, "purge")
    assert (_n_erased(house), len(list(archive.iterdir()))) == (1, 5)
    kill_at(house, f"{point}:2", "purge")
    assert (_n_erased(house), len(list(archive.iterdir()))) == (3, 4)
    assert house.brevdue("purge").data["n_batches"] == 2
    assert (_n_erased(house), list(archive.iterdir())) == (5, [])
    assert_ledger_agrees(house, 5 * N)


@pytest.mark.parametrize("point", ERASE_POINTS)
def test_an_erasure_killed_at_its_first_pass_and_at_a_later_one(
    house: HouseOnDisk, dropped: Dropped, point: str
) -> None:
    for _ in range(4):
        dropped.add()
    dropped.assert_the_day_ends_well()
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(f"{text}\n[retention]\nevidence_days = 0\n", encoding="utf-8")
    kill_at(house, point, "purge")
    kill_at(house, f"{point}:2", "purge")
    house.brevdue("purge")
    assert _n_sealed(house) == 0
    assert house.answers("rapport.json") == []
    assert list((house.source / "arkiv").iterdir()) == []
    assert_ledger_agrees(house, 4 * N)


def _n_sealed(house: HouseOnDisk) -> int:
    """Returns how many consignments still hold something of a person."""
    query = "SELECT count(*) FROM consignment WHERE sealed IS NOT NULL OR recipient_key <> ''"
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database:
        n_sealed: int = database.execute(query).fetchone()[0]
    return n_sealed


def _n_erased(house: HouseOnDisk) -> int:
    """Returns how many batches have not one key left."""
    query = (
        "SELECT count(*) FROM batch WHERE purged_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM document"
        " JOIN consignment ON consignment.id = consignment_id"
        " WHERE batch_id = batch.id AND wrapped_key IS NOT NULL)"
    )
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database:
        n_erased: int = database.execute(query).fetchone()[0]
    return n_erased
