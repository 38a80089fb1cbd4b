"""The values of an enrolment list on its way from a file into the ledger.

Frozen values only; a number never shows in a `repr`. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.consignments import NOTHING
from schemas.enrolment import Enrolment


@dataclass(frozen=True, slots=True)
class ListedLine:
    """A line that is usable: a recipient's digits and what the list says of them."""

    line: int
    number: str = field(repr=False)
    answer: Enrolment
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListFault:
    """A line that is not usable: where and why; of its number only what people may see."""

    line: int
    code: str
    column: str = ""
    masked: str = ""
    params: Mapping[str, object] = NOTHING


@dataclass(frozen=True, slots=True)
class ListHead:
    """The list that is in force: how many recipients, of when it is, and when it was taken in."""

    n_recipients: int
    dated_at: datetime
    taken_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class ListCounts:
    """How a list that was read compares with the one in force: recipients in all, new, gone and changed."""

    n_recipients: int
    n_new: int
    n_gone: int
    n_changed: int
