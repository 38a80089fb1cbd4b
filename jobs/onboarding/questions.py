"""Which question comes next: what the settings and the answers so far leave open, in the order of the walk.

Relies on `kinds` for what a channel must be told. Pure: asks nobody and keeps nothing. Each question checks
its own answer, so that a slip is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.onboarding.answers import DATA_CLASSES, GROUP, look, plain_address, plain_cvr
from jobs.onboarding.kinds import (
    asked_fields,
    channel_classes,
    read_value,
    still_required,
    wants_certificate,
)
from schemas.errors import BadInput
from schemas.settings import Settings

Path = tuple[str, ...]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LOOPBACK_URL = "https://127.0.0.1:8443"


@dataclass(frozen=True, slots=True)
class Question:
    """One open point. `word` names its texts; an empty default must be answered unless `optional`."""

    path: Path
    word: str
    read: Callable[[str], object]
    default: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)

    def answer(self, text: str) -> object:
        """Returns the value of what was typed, or of the default; raises BadInput."""
        text = text.strip() or self.default
        if not text and not self.optional:
            raise BadInput("onboarding.answer_empty")
        return self.read(text)


def next_question(
    sender: str, answers: Mapping[str, Any], settings: Settings, passed: Collection[Path] = ()
) -> Question | None:
    """Returns the first question without an answer; None when all are answered or `passed` over."""
    for question in _questions(sender, answers, settings):
        if look(answers, question.path) is None and question.path not in passed:
            return question
    return None


def _questions(sender: str, answers: Mapping[str, Any], settings: Settings) -> Iterator[Question]:
    yield Question(("cvr",), "cvr", read_cvr)
    yield Question(("name",), "name", _read_words)
    if sender not in settings.sources:
        yield Question(("folder",), "folder", _read_words, default=sender)
    named = material_names(answers)
    if not named:
        proposed = "loenseddel" if "loenseddel" not in settings.materials else f"{sender}_loenseddel"
        yield Question(("material_names",), "material_names", _read_names, default=proposed[:40])
    for name in named:
        if name not in settings.materials:
            yield from _about_material(name, sender, settings)
    for name in new_channels(answers, settings):
        yield from _about_channel(name, answers, settings)
    yield Question(("public_address",), "public_address", read_address, optional=True)


def material_names(answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the sender's materials: those named, and those that something was said about."""
    return tuple(dict.fromkeys([*(answers.get("material_names") or ()), *answers.get("materials", {})]))


def channel_names(answers: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    """Returns the channels of the sender's materials, in the order in which they are first named."""
    names: list[str] = []
    for material in material_names(answers):
        said = look(answers, ("materials", material, "channels"))
        known = settings.materials.get(material)
        names += said or (known.channels if known else ())
    return tuple(dict.fromkeys(names))


def new_channels(answers: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    """Returns the channels that stand in a material's answers and not in the settings."""
    said = {name: None for one in answers.get("materials", {}).values() for name in one.get("channels") or ()}
    return tuple(name for name in said if name not in settings.channels)


def own_channels(answers: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    """Returns the sender's channels that can be used: in the settings, or with a kind that is known."""
    told = answers.get("channels", {})
    return tuple(
        name
        for name in channel_names(answers, settings)
        if name in settings.channels or told.get(name, {}).get("kind") in channel_classes()
    )


def _about_material(name: str, sender: str, settings: Settings) -> Iterator[Question]:
    at: Path = ("materials", name)
    about = {"material": name}
    channel = "eboks" if "eboks" not in settings.channels else f"eboks_{sender}"[:40]

    def ask(key: str, read: Callable[[str], object], default: str = "", **rest: Any) -> Question:
        return Question((*at, key), key, read, default=default, params=about, **rest)

    yield ask("title", _read_title, _readable(name))
    yield ask("content_type_id", lambda text: _read_number(text, 1, 999_999_999))
    yield ask("group", _read_group, name)
    yield ask("data_class", _one_of(DATA_CLASSES), "confidential", choices=DATA_CLASSES)
    yield ask("channels", _read_names, channel)
    ways = ("mandatory", "voluntary")
    yield ask("delivery", _one_of(ways), "voluntary", choices=ways)
    days = str(settings.retention.document_days)
    yield ask("document_days", lambda text: _read_number(text, 0, 3660), days)


def _about_channel(name: str, answers: Mapping[str, Any], settings: Settings) -> Iterator[Question]:
    kinds = tuple(channel_classes())
    at: Path = ("channels", name)
    about = {"channel": name}
    first = next((kind for kind in sorted(kinds, key=len, reverse=True) if name.startswith(kind)), kinds[0])
    yield Question((*at, "kind"), "kind", _one_of(kinds), default=first, choices=kinds, params=about)
    kind = look(answers, (*at, "kind"))
    if kind not in channel_classes():
        return
    simulated = settings.house.mode == "simulated" and wants_certificate(kind)
    proposed = {"url": LOOPBACK_URL} if simulated else {}
    for key in asked_fields(kind):
        optional = key == "ca"
        word = key if key in ("url", "system_id", "ca") else "field"
        about = {"channel": name, "field": key}
        read = _reader(kind, key, optional=optional)
        yield Question((*at, key), word, read, proposed.get(key, ""), optional, params=about)
    for key in still_required(kind, look(answers, at) or {}):
        about = {"channel": name, "field": key}
        yield Question((*at, key), "field", _reader(kind, key, optional=False), params=about)


def _reader(kind: str, key: str, *, optional: bool) -> Callable[[str], object]:
    def read(text: str) -> object:
        return "" if optional and not text else read_value(kind, key, text)

    return read


def read_cvr(text: str) -> str:
    """Returns a CVR number's digits; raises BadInput `onboarding.bad_cvr`."""
    try:
        return plain_cvr(text)
    except ValueError:
        raise BadInput("onboarding.bad_cvr") from None


def read_address(text: str) -> str:
    """Returns an IP address, or nothing for nothing; raises BadInput `onboarding.bad_address`."""
    try:
        return plain_address(text) if text else ""
    except ValueError:
        raise BadInput("onboarding.bad_address") from None


def read_name(text: str) -> str:
    """Returns a name that may stand in the settings; raises BadInput `onboarding.bad_name`."""
    if not _NAME.fullmatch(text):
        raise BadInput("onboarding.bad_name")
    return text


def _read_names(text: str) -> list[str]:
    return [read_name(part.strip()) for part in text.split(",")]


def _read_words(text: str) -> str:
    if len(text) > 100:
        raise BadInput("onboarding.too_long", n_chars=len(text), max_chars=100)
    return text


def _read_group(text: str) -> str:
    if not re.fullmatch(GROUP, text):
        raise BadInput("onboarding.bad_group")
    return text


def _read_title(text: str) -> str:
    if len(text) > 50:
        raise BadInput("onboarding.too_long", n_chars=len(text), max_chars=50)
    return text


def _read_number(text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,12}", text) or not least <= int(text) <= most:
        raise BadInput("onboarding.bad_number", least=least, most=most)
    return int(text)


def _one_of(choices: tuple[str, ...]) -> Callable[[str], object]:
    def read(text: str) -> str:
        if text.isdigit() and 1 <= int(text) <= len(choices):
            return choices[int(text) - 1]
        if text not in choices:
            raise BadInput("onboarding.no_such_choice", choices=", ".join(choices))
        return text

    return read


def _readable(name: str) -> str:
    return name.replace("_", " ").replace("oe", "ø").replace("ae", "æ").replace("aa", "å").capitalize()[:50]
