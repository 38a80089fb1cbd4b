"""Judges a batch as a whole: may it go at once, or does it wait for a person?

Relies on counts alone, and on the source's settings. Holds no row: rows that wait on their own account do
not make a batch wait, and neither do rows that were sent before. Source of the rules: issue "Bad input",
design 8.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from batch.index_reader import IndexTotals
from schemas.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a batch is held, with its counts; an empty code lets it go."""

    code: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


def judge_batch(source: SourceSettings, totals: IndexTotals, *, n_bad: int, n_consignments: int) -> Verdict:
    """Returns the verdict; `n_bad` counts the lines that were rejected for a fault of theirs.

    A batch without a single usable row is not held, as there is nothing to release: it is answered at once.
    """
    n_lines = totals.n_lines
    if not n_consignments:
        return Verdict()
    if not totals.total_readable:
        return Verdict("batch.unreadable_total", {"at_line": totals.total_line})
    if totals.control_total not in (None, n_lines):
        return Verdict("batch.wrong_total", {"n_said": totals.control_total, "n_found": n_lines})
    if source.all_or_nothing and n_bad:
        return Verdict("batch.all_or_nothing", {"n_bad": n_bad, "n_lines": n_lines})
    if 100 * n_bad > source.hold_above_percent * n_lines:
        percent = f"{source.hold_above_percent:g}"
        return Verdict("batch.too_many_bad", {"n_bad": n_bad, "n_lines": n_lines, "percent": percent})
    return Verdict()
