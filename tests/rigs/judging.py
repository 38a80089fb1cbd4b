"""Compares both ends after a run: what the simulator holds, what was dropped, and what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tests.rigs.houses import HouseOnDisk


def held_by_simulator(house: HouseOnDisk) -> list[tuple[str, str]]:
    """Returns (recipient, SHA-256 of the document) of every message that the simulator holds."""
    with house.simulator.client() as client:
        return [(message["recipient"], message["sha256"]) for message in client.messages()]


def assert_each_exactly_once(house: HouseOnDisk, expected: Mapping[str, str]) -> None:
    """Every expected document lies at its recipient, once, and nothing else lies anywhere.

    Speaks of counts only: a failing test must not print a recipient.
    """
    held = held_by_simulator(house)
    twice = [1 for n in Counter(recipient for recipient, _ in held).values() if n > 1]
    wrong = [1 for recipient, digest in held if expected.get(recipient) != digest]
    missing = len(expected) - len({recipient for recipient, _ in held})
    assert (len(twice), len(wrong), missing) == (0, 0, 0), "documents twice, at the wrong person, missing"


def assert_ledger_agrees(house: HouseOnDisk, n_delivered: int) -> None:
    """The ledger says delivered of exactly that many, nothing is under way, and every sum adds up."""
    status = house.status()
    assert house.states().get("delivered", 0) == n_delivered
    assert all(batch["adds_up"] for batch in status["batches"])
    assert house.on_the_way() == 0
