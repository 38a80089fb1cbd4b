"""Counts an answer's lines while they are written, so that the totals are those of the files themselves.

Relies on `schemas.states`. Keeps a few hundred lines of the error list for the page, no more. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from batch.records import BatchSummary
from batch.reports.answer_lines import REJECTED, AnswerLine
from schemas.states import State

LONGEST_LIST = 500
"""The page shows this many lines of the error list, and as many warnings; the rest stands in the CSV file."""


@dataclass(slots=True)
class Reason:
    """How often a code came, and the first line it came on: its text speaks of that line."""

    example: AnswerLine = field(repr=False)
    n_lines: int = 1


@dataclass(slots=True)
class Tally:
    """What has been written so far."""

    n_lines: int = 0
    n_rejected: int = 0
    n_errors: int = 0
    simulated: bool = False
    in_order: bool = True
    states: Counter[State] = field(default_factory=Counter)
    channels: dict[str, Counter[State]] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    errors: list[AnswerLine] = field(default_factory=list, repr=False)
    last_line: int = 0

    def add(self, line: AnswerLine) -> None:
        """Counts one line; lines must come in rising order, since each may come once only."""
        self.n_lines += 1
        self.in_order &= line.line > self.last_line
        self.last_line = line.line
        self.simulated |= line.simulated
        self._count_place(line)
        self._count_reasons(line)
        if line.on_error_list:
            self.n_errors += 1
            if len(self.errors) < LONGEST_LIST:
                self.errors.append(line)

    def _count_place(self, line: AnswerLine) -> None:
        if line.status == REJECTED:
            self.n_rejected += 1
            return
        state = State(line.status)
        self.states[state] += 1
        self.channels.setdefault(line.channel, Counter())[state] += 1

    def _count_reasons(self, line: AnswerLine) -> None:
        """Counts each code of a rejected line once, of another line the one for which it is where it is."""
        said = line.each() if line.status == REJECTED else (line,)
        for code, one in {one.code: one for one in said if one.reasoned}.items():
            known = self.reasons.get(code)
            if known is None:
                self.reasons[code] = Reason(one)
            else:
                known.n_lines += 1

    def adds_up(self, before: BatchSummary, after: BatchSummary) -> bool:
        """True when every input line was written exactly once and the ledger's own counts say the same.

        `before` and `after` are the ledger's counts around the writing. When they differ in version, lines
        moved between states meanwhile: then their number must still be right, but not each state's.
        """
        n_placed = sum(self.states.values())
        whole = self.in_order and self.n_lines == self.n_rejected + n_placed == after.n_lines
        if not whole or self.n_rejected != after.n_rejected or n_placed != sum(after.counts.values()):
            return False
        return before.version != after.version or self.states == Counter(after.counts)
