"""Works out the page's bars: one per state, one per channel with its states side by side.

Relies on the report's counts and on the catalogue. A bar's words always say what its colours say. Draws
nothing: the template does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batch.reports.answer_lines import REJECTED, channel_word
from batch.reports.batch_report import BatchReport
from batch.reports.page_words import readable_number, readable_share
from schemas.catalogue import Language, phrase
from schemas.states import State

ORDER = (
    State.DELIVERED,
    State.ACCEPTED,
    State.SENDING,
    State.READY,
    State.HELD,
    State.IN_DOUBT,
    State.FAILED,
    State.CANCELLED,
)
"""From the best news to the last word: the order of the rows and of the parts of a channel's bar."""

THINNEST = 0.6
"""Per cent of the bar: a single line among fifty thousand can still be seen."""


@dataclass(frozen=True, slots=True)
class Part:
    """A coloured piece of a bar; `start` and `width` are per cent of the bar's length."""

    kind: str
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart; `label` says all of it in words, for whoever can't see it."""

    kind: str
    word: str
    count: str
    share: str
    label: str
    parts: tuple[Part, ...]
    details: tuple[str, ...] = ()


def state_bars(report: BatchReport) -> list[Bar]:
    """Returns a bar for each state that has lines, and one for the rejected lines."""
    counts = {state.value: report.states[state] for state in ORDER} | {REJECTED: report.n_rejected}
    n_all = sum(counts.values())
    return [_state_bar(kind, n, n_all, report.language) for kind, n in counts.items() if n]


def channel_bars(report: BatchReport) -> list[Bar]:
    """Returns a bar for each channel, split by state; its length is its share of all consignments."""
    n_all = sum(report.states.values())
    return [_channel_bar(name, counts, n_all, report.language) for name, counts in report.channels.items()]


def _state_bar(kind: str, n: int, n_all: int, language: Language) -> Bar:
    word = phrase(f"report.status.{kind}", language).capitalize()
    count, share = readable_number(n, language), readable_share(n, n_all, language)
    label = phrase(
        "report.states.bar",
        language,
        word=word,
        n=count,
        n_lines=readable_number(n_all, language),
        percent=share,
    )
    return Bar(kind, word, count, share, label, tuple(_parts([(kind, n)], n_all)))


def _channel_bar(name: str, counts: Mapping[State, int], n_all: int, language: Language) -> Bar:
    word = channel_word(name, language) if name else phrase("report.channels.none", language)
    found = [(state.value, counts[state]) for state in ORDER if counts.get(state)]
    n = sum(counts.values())
    details = tuple(
        f"{readable_number(one, language)} {phrase(f'report.status.{kind}', language)}" for kind, one in found
    )
    return Bar(
        "channel",
        word,
        readable_number(n, language),
        readable_share(n, n_all, language),
        f"{word}: {', '.join(details)}",
        tuple(_parts(found, n_all)),
        details,
    )


def _parts(counts: list[tuple[str, int]], n_all: int) -> Iterator[Part]:
    start = 0.0
    for kind, n in counts:
        width = min(max(100 * n / n_all, THINNEST), 100 - start)
        yield Part(kind, f"{start:.2f}%", f"{width:.2f}%")
        start += width
