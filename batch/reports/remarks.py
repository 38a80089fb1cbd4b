"""Puts warnings into words: the first ones kept for the page, all of them counted.

Relies on the catalogue. A warning stops nothing, so it stands on no error list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from batch.records import WarningLine
from batch.reports.neutral import masked, masked_params
from batch.reports.tally import LONGEST_LIST
from schemas.catalogue import Explanation, Language, explain
from schemas.consignments import Rejection


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning in words: about a line, or about the drop as a whole (line 0)."""

    line: int
    column: str
    code: str
    text: Explanation


@dataclass(frozen=True, slots=True)
class Remarks:
    """The warnings of a batch: all of them counted, the first ones kept."""

    n_remarks: int = 0
    first: tuple[Remark, ...] = ()


def gather_remarks(warnings: Iterable[WarningLine | Rejection], language: Language) -> Remarks:
    """Returns the warnings of a stream that may be long."""
    stream = iter(warnings)
    first = tuple(_describe(one, language) for one in islice(stream, LONGEST_LIST))
    return Remarks(len(first) + sum(1 for _ in stream), first)


def _describe(one: WarningLine | Rejection, language: Language) -> Remark:
    text = explain(one.code, language, masked_params(one.params))
    return Remark(one.line, masked(one.column), one.code, text)
