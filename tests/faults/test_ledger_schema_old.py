"""A ledger that this release has not brought up yet stops every verb at once, and none blames a channel."""

from __future__ import annotations

import pytest

from batch.ledger import births
from tests.rigs.houses import FoundHouse


@pytest.mark.parametrize("verb", ["pull", "dispatch", "collect", "close", "purge", "status"])
def test_every_verb_says_that_the_schema_is_old(
    found_house: FoundHouse, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    house = found_house()
    monkeypatch.setattr(births, "REVISIONS", (*births.REVISIONS, "9998"))
    ran = house.brevdue(verb)
    assert (ran.code, "ledger.old_schema" in ran.err) == (2, True)
