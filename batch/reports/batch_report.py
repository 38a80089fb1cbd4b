"""The facts of a report, gathered once for the page and the JSON file alike.

Relies on the tally of the lines written and on the ledger's summary. Does no wording and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batch.records import BatchSummary
from batch.reports.answer_lines import AnswerLine
from batch.reports.neutral import masked, masked_params
from batch.reports.remarks import Remarks
from batch.reports.tally import Reason, Tally
from schemas.catalogue import Explanation, Language, explain
from schemas.states import FINAL, State


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch. `n_lines` is None when a drop was refused before its lines were known.

    `states` holds every state; `channels` counts per channel and state; `errors` holds the first lines of
    the error list and `n_errors` counts all. `mixed` says that a simulator took lines of a house that is not
    simulated: that must not happen, and the page warns of it. `name` is the drop's own name, masked.
    """

    batch_id: str
    source: str
    name: str = field(repr=False)
    language: Language
    refused: bool
    simulated: bool
    mixed: bool
    n_lines: int | None
    n_rejected: int
    states: Mapping[State, int]
    channels: Mapping[str, Mapping[State, int]]
    reasons: Mapping[str, Reason]
    errors: tuple[AnswerLine, ...]
    n_errors: int
    remarks: Remarks
    adds_up: bool
    control_total: int | None
    held: Explanation | None
    held_code: str
    taken_at: datetime | None
    released_at: datetime | None
    closed_at: datetime | None
    written_at: datetime

    @property
    def final(self) -> bool:
        """True when no line will change any more."""
        return self.refused or not any(n for state, n in self.states.items() if state not in FINAL)

    @property
    def control_total_right(self) -> bool | None:
        """Whether the sender's own count is the number of lines; None when the sender gave none."""
        return None if self.control_total is None else self.control_total == self.n_lines


def report_of_batch(
    before: BatchSummary,
    after: BatchSummary,
    tally: Tally,
    remarks: Remarks,
    *,
    language: Language,
    simulated: bool,
    written_at: datetime,
) -> BatchReport:
    """Returns the report of a batch whose lines were just written; `before` and `after` frame the writing."""
    held_code = after.held_code if after.released_at is None else ""
    return BatchReport(
        batch_id=after.id,
        source=after.source,
        name=masked(after.name),
        language=language,
        refused=False,
        simulated=simulated or tally.simulated,
        mixed=tally.simulated and not simulated,
        n_lines=after.n_lines,
        n_rejected=tally.n_rejected,
        states=_every_state(tally),
        channels=dict(sorted(tally.channels.items())),
        reasons=_by_number(tally),
        errors=tuple(tally.errors),
        n_errors=tally.n_errors,
        remarks=remarks,
        adds_up=tally.adds_up(before, after),
        control_total=after.control_total,
        held=explain(held_code, language, masked_params(after.held_params)) if held_code else None,
        held_code=held_code,
        taken_at=after.taken_at,
        released_at=after.released_at,
        closed_at=after.closed_at,
        written_at=written_at,
    )


def report_of_refusal(
    batch_id: str,
    source: str,
    tally: Tally,
    remarks: Remarks,
    *,
    language: Language,
    simulated: bool,
    written_at: datetime,
) -> BatchReport:
    """Returns the report of a drop that was refused whole.

    It never says that the totals add up: how many lines lay in the drop, nobody knows.
    """
    return BatchReport(
        batch_id=batch_id,
        source=source,
        name="",
        language=language,
        refused=True,
        simulated=simulated,
        mixed=False,
        n_lines=None,
        n_rejected=0,
        states=_every_state(Tally()),
        channels={},
        reasons=_by_number(tally),
        errors=tuple(tally.errors),
        n_errors=tally.n_errors,
        remarks=remarks,
        adds_up=False,
        control_total=None,
        held=None,
        held_code="",
        taken_at=None,
        released_at=None,
        closed_at=None,
        written_at=written_at,
    )


def _every_state(tally: Tally) -> dict[State, int]:
    return {state: tally.states[state] for state in State}


def _by_number(tally: Tally) -> dict[str, Reason]:
    """Returns the reasons, the most frequent first; equal ones by their code."""
    return dict(sorted(tally.reasons.items(), key=lambda one: (-one[1].n_lines, one[0])))
