"""Turns where an input line stands into the words of an answer.

Relies on the catalogue for texts and on `batch.reports.neutral` for masking. Writes no file, counts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.records import LineResult, WarningLine
from batch.reports.neutral import masked, masked_params
from schemas.catalogue import Explanation, Language, explain, family, phrase
from schemas.consignments import Rejection
from schemas.states import State

REJECTED = "rejected"
ON_ERROR_LIST = frozenset({REJECTED, State.FAILED.value, State.HELD.value, State.IN_DOUBT.value})

_DANISH_TIME = ZoneInfo("Europe/Copenhagen")
# Message ids of our own making: hex that may hold ten digits in a row and is nobody's number.
_OWN_ID = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")


@dataclass(frozen=True, slots=True)
class Finding:
    """One more thing that was found about a line: its code, its words, and the column it speaks of."""

    code: str
    text: Explanation
    column: str


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One input line in an answer's words. `status` is the stable word, `word` the one for people.

    `code` is never empty: a line without a reason has its state's own, `state.delivered` for example.
    `further` holds the other faults of a rejected line, and the remarks about one that waits for a person.
    """

    line: int
    reference: str = field(repr=False)
    status: str
    word: str
    channel: str
    receipt_id: str
    at: str
    code: str
    text: Explanation
    column: str
    simulated: bool
    mark: str = ""
    further: tuple[Finding, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole text in one: what happened and what to do, with a simulated receipt called so."""
        return f"{self.mark} {self.text}".strip()

    def each(self) -> Iterator[AnswerLine]:
        """Yields the line once for everything that was found about it, its first reason first."""
        yield self
        for one in self.further:
            yield replace(self, code=one.code, text=one.text, column=one.column, further=())

    @property
    def on_error_list(self) -> bool:
        """True when a person should look: rejected, failed, held or in doubt."""
        return self.status in ON_ERROR_LIST

    @property
    def reasoned(self) -> bool:
        """True when the code says more than the state does."""
        return not self.code.startswith("state.")


def describe(line: LineResult, language: Language) -> AnswerLine:
    """Returns what an answer says about a line of a batch."""
    code = line.code or f"state.{line.status}"
    return AnswerLine(
        line=line.line,
        reference=masked(line.reference),
        status=line.status,
        word=phrase(f"report.status.{line.status}", language),
        channel=line.channel,
        receipt_id=_masked_id(line.receipt_id),
        at=local_time(line.at),
        code=code,
        text=explain(code, language, masked_params(line.params)),
        column=masked(line.column),
        simulated=line.simulated,
        mark=phrase("report.simulated.csv", language) if line.simulated else "",
        further=tuple(_find(one, language) for one in line.further),
    )


def _find(one: WarningLine, language: Language) -> Finding:
    return Finding(one.code, explain(one.code, language, masked_params(one.params)), masked(one.column))


def describe_rejection(rejection: Rejection, at: datetime, language: Language) -> AnswerLine:
    """Returns what an answer says about a fault for which a whole drop was refused."""
    return AnswerLine(
        line=rejection.line,
        reference=masked(rejection.reference),
        status=REJECTED,
        word=phrase(f"report.status.{REJECTED}", language),
        channel="",
        receipt_id="",
        at=local_time(at),
        code=rejection.code,
        text=explain(rejection.code, language, masked_params(rejection.params)),
        column=masked(rejection.column),
        simulated=False,
    )


def in_denmark(at: datetime) -> datetime:
    """Returns a UTC time in Danish local time."""
    return at.astimezone(_DANISH_TIME)


def local_time(at: datetime) -> str:
    """Returns a UTC time as Danish local time, ISO 8601 with its offset, to the second."""
    return in_denmark(at).isoformat(timespec="seconds")


def channel_word(channel: str, language: Language) -> str:
    """Returns a channel's name for people; a channel that has none keeps the name of the settings."""
    key = f"report.channel.{channel}"
    return phrase(key, language) if f"ui.{key}" in family("ui") else channel


def _masked_id(receipt_id: str) -> str:
    """Masks what another system may have put into a receipt's id; ids of our own stay whole."""
    parts = _OWN_ID.split(receipt_id)
    return "".join(part if i % 2 else masked(part) for i, part in enumerate(parts))
