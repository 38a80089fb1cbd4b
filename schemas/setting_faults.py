"""Faults that rules of our own find in the settings: where each stands, and which text tells it.

Relies on pydantic and the texts `ui.setting.…`. Parameters are names of keys and other safe words, never a
setting's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

from schemas.catalogue import Language, phrase

HOUSE_RULE = "house_rule"
"""The kind of pydantic's fault whose context holds `faults`."""


@dataclass(frozen=True, slots=True)
class SettingFault:
    """One fault: the key or keys below the table that was judged, and the text's name with its parameters."""

    place: str
    text: str
    params: Mapping[str, object] = field(default_factory=dict)

    def told(self, language: Language) -> str:
        """Returns the fault in words."""
        reason = phrase(f"setting.{self.text}", language, **self.params)
        return f"{self.place}: {reason}" if self.place else reason


def fault(place: str, text: str, **params: object) -> SettingFault:
    """Returns a fault."""
    return SettingFault(place, text, params)


def unfit(*faults: SettingFault) -> PydanticCustomError:
    """Returns the error for a validator to raise, which tells all of them."""
    return PydanticCustomError(HOUSE_RULE, "{told}", {"told": told_faults(faults, "en"), "faults": faults})


def told_faults(faults: Sequence[SettingFault], language: Language) -> str:
    """Returns them in words, one after another."""
    return "; ".join(one.told(language) for one in faults)
