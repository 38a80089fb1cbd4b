"""Turns a code into a text that says what is wrong and what to do, in Danish or English.

The texts are the TOML files in `schemas/texts`, one per family (the part of a code before its first dot).
Relies on nothing else. Formats only safe parameters: whoever raises an error answers for that.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["da", "en"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened and what to do about it, each one or two full sentences."""

    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.what} {self.do}".strip()


class _Kept(dict[str, object]):
    """Leaves a placeholder standing when its parameter is missing: a text must never fail."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def family(name: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Returns the texts of one family: code → language → what, do; empty when there is no such file."""
    path = files("schemas") / "texts" / f"{name}.toml"
    if not path.is_file():
        return {}
    return tomllib.loads(path.read_text(encoding="utf-8"))


def explain(code: str, language: Language = "da", params: Mapping[str, object] | None = None) -> Explanation:
    """Returns the explanation of a code; an unknown code explains itself by its own name."""
    entry = family(code.partition(".")[0]).get(code, {}).get(language)
    if entry is None:
        return Explanation(code, "")
    known = _Kept(params or {})
    return Explanation(entry["what"].format_map(known), entry.get("do", "").format_map(known))


def phrase(key: str, language: Language = "da", **params: object) -> str:
    """Returns one text of the command line or a report (family `ui`), with its parameters filled in."""
    return explain(f"ui.{key}", language, params).what
