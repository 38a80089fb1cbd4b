"""Writes the onboarding report, to be filed with the agreement: what was checked, and what e-Boks must know.

Relies on jinja2 (loaded when a page is written), the state, and the look of the batch report. JSON for
machines, one HTML file without script or network for people. Holds no person's number and no secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jobs.onboarding.checks import Check
from jobs.onboarding.desk import Desk
from jobs.onboarding.private_files import make_private_folder, write_private
from jobs.onboarding.questions import own_channels
from jobs.onboarding.state import LIVE_TEST, STEPS, StepResult
from schemas.catalogue import Explanation, Language, explain
from schemas.errors import ConfigurationError
from schemas.settings import Settings

PAGE_FILE, JSON_FILE = "rapport.html", "rapport.json"


def write_report(desk: Desk) -> Path:
    """Writes both files into the sender's folder and returns the page; raises ConfigurationError."""
    data = report_data(desk)
    make_private_folder(desk.folder)
    page = _page(desk, data)
    write_private(desk.folder / PAGE_FILE, page.encode())
    text = json.dumps(data, ensure_ascii=False, indent=1)
    write_private(desk.folder / JSON_FILE, text.encode() + b"\n")
    return desk.folder / PAGE_FILE


def filed_report(desk: Desk) -> dict[str, Any]:
    """Returns the report as it was filed last."""
    filed: dict[str, Any] = json.loads((desk.folder / JSON_FILE).read_text(encoding="utf-8"))
    return filed


def report_data(desk: Desk) -> dict[str, Any]:
    """Returns the whole report as plain values; keys are English and stable."""
    state = desk.state
    steps = {name: _step_data(state.steps.get(name)) for name in (*STEPS, LIVE_TEST)}
    return {
        "version": 1,
        "sender": desk.sender,
        "mode": desk.settings.house.mode,
        "written_at": desk.now().isoformat(timespec="seconds"),
        "done": not state.open_steps,
        "open_steps": state.open_steps,
        "for_eboks": for_eboks(desk),
        "steps": steps,
    }


def for_eboks(desk: Desk) -> dict[str, Any]:
    """Returns what e-Boks must be sent (facts/eboks f): who we are, from where, and with what certificate."""
    settings = _planned(desk)
    channels = own_channels(desk.answers, settings)
    return {
        "cvr": desk.answers.get("cvr", ""),
        "name": desk.answers.get("name", ""),
        "public_address": desk.answers.get("public_address") or "",
        "certificate": _fingerprint(desk.state.steps.get("certificate")),
        "channels": {name: _channel(settings, name) for name in channels if name in settings.channels},
        "materials": {name: _material(desk, settings, name) for name in desk.materials},
    }


def _planned(desk: Desk) -> Settings:
    try:
        return desk.planned()
    except ConfigurationError:
        return desk.settings


def _channel(settings: Settings, name: str) -> dict[str, Any]:
    channel = settings.channels[name]
    told = {key: getattr(channel, key, None) for key in ("kind", "url", "system_id")}
    return {key: value for key, value in told.items() if value is not None}


def _material(desk: Desk, settings: Settings, name: str) -> dict[str, Any]:
    material = settings.materials.get(name)
    if material is None:
        return {}
    days = material.document_days if material.document_days is not None else settings.retention.document_days
    told: dict[str, Any] = {
        "title": material.title or "",
        "group": desk.groups.get(name, ""),
        "data_class": material.data_class,
        "channels": list(material.channels),
        "document_days": days,
    }
    if material.eboks is not None:
        told |= {"content_type_id": material.eboks.content_type_id, "delivery": material.eboks.delivery}
    return told


def _fingerprint(step: StepResult | None) -> dict[str, Any]:
    found = [check for check in (step.checks if step else ()) if check.what == "certificate.fingerprint"]
    return dict(found[0].facts) if found and step and step.status == "done" else {}


def _step_data(step: StepResult | None) -> dict[str, Any]:
    if step is None:
        return {"status": "open", "at": None, "checks": []}
    at = step.at.isoformat(timespec="seconds") if step.at else None
    return {"status": step.status, "at": at, "checks": [check.as_json() for check in step.checks]}


# The page


def _page(desk: Desk, data: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = (files("jobs.onboarding") / "templates" / "onboarding.html").read_text(encoding="utf-8")
    style, digest = _style()
    language = desk.screen.language
    return environment.from_string(template).render(
        data=data,
        lang=language,
        style=Markup(style),
        digest=digest,
        t=lambda key, **params: _word(key, language, **params),
        steps=[(name, _shown(desk.state.steps.get(name), language)) for name in _shown_steps(desk)],
        status={name: desk.state.status(name) for name in (*STEPS, LIVE_TEST)},
        written=_moment(desk.now()),
    )


def _shown_steps(desk: Desk) -> list[str]:
    return [*STEPS, *([LIVE_TEST] if LIVE_TEST in desk.state.steps else [])]


def _shown(step: StepResult | None, language: Language) -> list[dict[str, Any]]:
    """Returns a step's verdicts in words; the fingerprint stands above already."""
    checks = step.checks if step else ()
    return [shown_check(check, language) for check in checks if check.what != "certificate.fingerprint"]


def shown_check(check: Check, language: Language) -> dict[str, Any]:
    """Returns a verdict in words: what was looked at, what was found, what to do and who must."""
    said = explain(check.code, language, check.params) if check.code else Explanation("", "")
    facts = [f"{_word(f'fact_{name}', language)} {value}" for name, value in check.facts.items()]
    return {
        "what": _word(f"check_{check.what.replace('.', '_')}", language),
        "subject": check.subject,
        "level": check.level,
        "code": check.code,
        "said": said.what,
        "do": said.do,
        "facts": facts,
        "who": _word(f"who_{check.who}", language) if check.who else "",
    }


def _word(key: str, language: Language, **params: object) -> str:
    return explain(f"onboard.{key}", language, params).what


def _moment(at: datetime) -> str:
    return at.astimezone(ZoneInfo("Europe/Copenhagen")).strftime("%d-%m-%Y %H:%M")


def _style() -> tuple[str, str]:
    """Returns the batch report's style and a little of our own, and the digest for the page's policy."""
    sheets = (
        files("batch.reports") / "templates" / "report.css",
        files("jobs.onboarding") / "templates" / "onboarding.css",
    )
    style = "\n" + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"sha256-{digest}"
