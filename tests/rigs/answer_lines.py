"""A batch that lies in memory, to be answered: what the ledger would say, without a database.

Relies on `batch.records` only. Lines come from a function, so that a batch of any size costs no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from batch.records import BatchSummary, LineResult, WarningLine
from schemas.consignments import NOTHING
from schemas.states import State

BATCH = "20261124-041500-abc234"
TAKEN_AT = datetime(2026, 11, 24, 4, 15, tzinfo=UTC)
WRITTEN_AT = datetime(2026, 11, 24, 4, 30, 12, tzinfo=UTC)


def written_at() -> datetime:
    """A clock that stands still, so that the same batch gives the same answers."""
    return WRITTEN_AT


def line_result(
    line: int,
    status: str = "delivered",
    *,
    code: str = "",
    params: Mapping[str, object] = NOTHING,
    reference: str = "",
    column: str = "",
    channel: str = "eboks",
    receipt_id: str = "",
    extra: Mapping[str, str] = NOTHING,
    simulated: bool = False,
    further: Sequence[str] = (),
) -> LineResult:
    """Returns where one line stands; a rejected one has no channel and no consignment. `further` are the
    codes of what else was found about it, in the column `fil`."""
    rejected = status == "rejected"
    return LineResult(
        line=line,
        reference=reference,
        status=status,
        channel="" if rejected else channel,
        receipt_id=receipt_id,
        at=WRITTEN_AT,
        code=code,
        params=params,
        column=column,
        consignment_id="" if rejected else f"{BATCH}-{line:05d}",
        material="loenseddel",
        simulated=simulated,
        extra=extra,
        further=tuple(WarningLine(line, one, NOTHING, "fil") for one in further),
    )


def summary(lines: Iterable[LineResult], **changed: object) -> BatchSummary:
    """Returns the summary that fits some lines, or another one where `changed` says so."""
    statuses = Counter(line.status for line in lines)
    n_rejected = statuses.pop("rejected", 0)
    facts: dict[str, object] = {
        "id": BATCH,
        "source": "loen",
        "name": "november",
        "origin": "folder",
        "held_code": "",
        "held_params": NOTHING,
        "n_lines": n_rejected + statuses.total(),
        "n_rejected": n_rejected,
        "n_warnings": 0,
        "control_total": None,
        "taken_at": TAKEN_AT,
        "released_at": None,
        "closed_at": None,
        "purged_at": None,
        "counts": {State(word): n for word, n in statuses.items()},
        "version": 1,
    }
    return BatchSummary(**(facts | changed))  # type: ignore[arg-type]


@dataclass
class StandingBatch:
    """An `AnswerSource` of one batch. `summaries` are given out in turn, the last one ever after."""

    make_lines: Callable[[], Iterable[LineResult]]
    summaries: Sequence[BatchSummary]
    remarks: Sequence[WarningLine] = ()
    asked: Iterator[BatchSummary] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = iter(self.summaries)

    def batch(self, batch_id: str) -> BatchSummary | None:
        return next(self.asked, self.summaries[-1]) if batch_id == BATCH else None

    def lines(self, batch_id: str) -> Iterator[LineResult]:
        assert batch_id == BATCH
        return iter(self.make_lines())

    def warnings(self, batch_id: str) -> Iterator[WarningLine]:
        assert batch_id == BATCH
        return iter(self.remarks)


def standing_batch(
    lines: Sequence[LineResult], remarks: Sequence[WarningLine] = (), **changed: object
) -> StandingBatch:
    """Returns a source that tells of these lines; `changed` are fields of the summary that differ."""
    facts = {"n_warnings": len(remarks)} | changed
    return StandingBatch(lambda: lines, [summary(lines, **facts)], remarks)
