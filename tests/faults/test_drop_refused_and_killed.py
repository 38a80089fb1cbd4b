"""Killed between the quarantine of a drop and its answer: the next pull writes the answer."""

from __future__ import annotations

import json

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse


@pytest.mark.parametrize("point", ["quarantine.explained", "quarantine.moved"])
def test_every_refused_drop_is_answered(found_house: FoundHouse, point: str) -> None:
    house = found_house()
    drop = write_big_drop(house.inbox, "loen", 2, n_bytes=6_000)
    (drop.path / "under").mkdir()
    killed = house.brevdue_process("pull", env={"BREVDUE_FAILPOINT": point})
    assert killed.code == -9
    house.brevdue("pull")
    (refused,) = (house.source / "karantaene").iterdir()
    (report,) = house.answers("rapport.json")
    assert report.parent.name == refused.name
    assert json.loads(report.read_text(encoding="utf-8"))["afvist_helt"] is True
