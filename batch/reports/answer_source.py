"""Says what the answers must be able to ask about a batch; the ledger fits it.

Relies on `batch.records`. Holds no code of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from batch.records import BatchSummary, LineResult, WarningLine


class AnswerSource(Protocol):
    """Tells where a batch stands. Only reads."""

    def batch(self, batch_id: str) -> BatchSummary | None:
        """Returns the batch with its counts as they are now, or None when there is no such batch."""

    def lines(self, batch_id: str) -> Iterable[LineResult]:
        """Yields every input line once, in line order; streamed, so that size does not matter."""

    def warnings(self, batch_id: str) -> Iterable[WarningLine]:
        """Yields the remarks that stopped nothing, in line order."""
