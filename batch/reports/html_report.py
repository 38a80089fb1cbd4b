"""Writes `rapport.html`, the report for people: one file that shows itself without a network or a script.

Relies on jinja2 (loaded when a page is written) and on the template and style beside this module. A policy in
the page forbids everything but that very style. Every text from outside is escaped by the template engine.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from batch.reports.answer_lines import channel_word
from batch.reports.batch_report import BatchReport
from batch.reports.page_bars import channel_bars, state_bars
from batch.reports.page_words import counted, readable_number, readable_time
from schemas.catalogue import Language, phrase
from schemas.states import State

if TYPE_CHECKING:
    from jinja2 import Template


def write_page(path: Path, report: BatchReport) -> None:
    """Writes the report to a path, as UTF-8."""
    page = _template().render(_view(report))
    path.write_bytes(page.encode("utf-8", "replace"))


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_packaged("report.html"))


@cache
def _packaged(name: str) -> str:
    return (files("batch.reports") / "templates" / name).read_text(encoding="utf-8")


@cache
def _style() -> tuple[str, str]:
    """Returns the style and the digest by which the page's policy lets it in."""
    style = "\n" + _packaged("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"sha256-{digest}"


def _view(report: BatchReport) -> dict[str, object]:
    from markupsafe import Markup

    language = report.language
    style, digest = _style()
    return {
        "report": report,
        "lang": language,
        "style": Markup(style),
        "digest": digest,
        "tone": _tone(report),
        "headline": _headline(report),
        "lead": _lead(report),
        "state_bars": state_bars(report),
        "channel_bars": channel_bars(report),
        "facts": _facts(report),
        "numbers": _numbers(report),
        "n": partial(readable_number, language=language),
        "t": partial(_worded, language),
        "counted": lambda key, n: counted(f"report.{key}", n, language),
        "channel": partial(channel_word, language=language),
    }


def _worded(language: Language, key: str, params: Mapping[str, object] | None = None) -> str:
    return phrase(f"report.{key}", language, **(params or {}))


def _numbers(report: BatchReport) -> dict[str, str]:
    """Returns the counts that the page's sentences speak of, as people read them."""
    counts = {
        "n_lines": report.n_lines or 0,
        "n_rejected": report.n_rejected,
        "n_consignments": sum(report.states.values()),
        "n_written": report.n_rejected + sum(report.states.values()),
        "n_delivered": report.states[State.DELIVERED],
        "n_accepted": report.states[State.ACCEPTED],
        "n_errors": report.n_errors,
        "n_remarks": report.remarks.n_remarks,
        "control_total": report.control_total or 0,
    }
    return {name: readable_number(n, report.language) for name, n in counts.items()}


def _tone(report: BatchReport) -> str:
    """Returns which of five kinds of news the page brings; the worst one wins."""
    if report.refused or not report.adds_up:
        return "bad"
    if report.held or report.n_errors:
        return "look"
    if not report.final:
        return "wait"
    return "good" if report.states[State.DELIVERED] == report.n_lines else "ended"


def _headline(report: BatchReport) -> str:
    language = report.language
    if report.refused:
        return phrase("report.headline.refused", language)
    match _tone(report):
        case "bad":
            return phrase("report.headline.wrong_sum", language)
        case "look" if report.held:
            return phrase("report.headline.held", language)
        case "look":
            return counted("report.headline.errors", report.n_errors, language)
        case "wait":
            n_open = sum(report.states[state] for state in (State.READY, State.SENDING, State.ACCEPTED))
            return counted("report.headline.under_way", n_open, language)
        case "good" if report.n_lines:
            return counted("report.headline.delivered", report.n_lines, language)
        case _:
            return phrase("report.headline.ended", language)


def _lead(report: BatchReport) -> str:
    if report.refused:
        return phrase("report.lead.refused", report.language)
    if _tone(report) == "good":
        return phrase("report.lead.good", report.language)
    known = "batch" if report.states[State.ACCEPTED] else "delivered"
    return phrase(f"report.lead.{known}", report.language, **_numbers(report))


def _facts(report: BatchReport) -> list[tuple[str, str]]:
    """Returns the list at the foot of the page: what, and what it says; what is empty is left out."""
    language = report.language
    final = "yes" if report.final else "no"
    times = {
        "taken": report.taken_at,
        "released": report.released_at,
        "closed": report.closed_at,
        "written": report.written_at,
    }
    facts = {"batch": report.batch_id, "source": report.source, "drop": report.name}
    facts |= {key: readable_time(at, language) for key, at in times.items() if at}
    if not report.refused:
        facts["final"] = phrase(f"report.facts.final.{final}", language)
    return [(phrase(f"report.facts.{key}", language), fact) for key, fact in facts.items() if fact]
