"""The verb close: writes the answers that have news, and closes the batches whose every line has ended.

Relies on the ledger and `jobs.answers`. Changes no consignment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.answers import answer_batch
from jobs.house import House


@dataclass(frozen=True, slots=True)
class CloseResult:
    """The batches that were answered anew, and those that were closed."""

    answered: tuple[str, ...]
    closed: tuple[str, ...]


def close(house: House, *, stop: Callable[[], bool] = lambda: False) -> CloseResult:
    """Makes one pass. The answer comes before the closing: a crash between leaves it to be redone."""
    answered: list[str] = []
    closed: list[str] = []
    for batch in house.ledger.to_answer():
        if stop():
            break
        answer_batch(house, batch.id)
        house.ledger.mark_answered(batch.id, batch.version)
        answered.append(batch.id)
        if house.ledger.close_batch(batch.id):
            closed.append(batch.id)
    return CloseResult(tuple(answered), tuple(closed))
