"""The verb close: writes the answers that have news, and closes the batches whose every line has ended.

Relies on the ledger and `jobs.answers`. Changes no consignment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batch.failpoints import failpoint
from jobs.answers import answer_batch
from jobs.house import House
from schemas.errors import ServiceDown


@dataclass(frozen=True, slots=True)
class CloseResult:
    """The batches answered anew, those closed, and what kept an answer from being given."""

    answered: tuple[str, ...]
    closed: tuple[str, ...]
    fault: Exception | None = None


def close(house: House, *, stop: Callable[[], bool] = lambda: False) -> CloseResult:
    """Makes one pass. The answer comes before the closing: a crash between leaves it to be redone.

    A batch whose answer can't be written keeps no other from its own; the first such fault is in the result.
    Raises ServiceDown.
    """
    answered: list[str] = []
    closed: list[str] = []
    fault: Exception | None = None
    for batch in house.ledger.to_answer():
        if stop():
            break
        try:
            answer_batch(house, batch.id)
        except ServiceDown:
            raise
        except Exception as error:
            fault = fault or error
            continue
        failpoint("answers.written")
        house.ledger.mark_answered(batch.id, batch.version)
        answered.append(batch.id)
        if house.ledger.close_batch(batch.id):
            failpoint("close.closed")
            closed.append(batch.id)
    return CloseResult(tuple(answered), tuple(closed), fault)
