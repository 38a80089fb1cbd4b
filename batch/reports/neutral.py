"""Makes a sender's own text safe to show: numbers masked, nothing that a spreadsheet would run.

Relies on `schemas.identity` for masking. Knows nothing of files and columns. Source of the rule: design 8.2
and facts/habits.md (drop folder contract): cells that start with `= + - @ TAB CR` get an apostrophe in front.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from schemas.identity import mask_numbers

LONGEST_CELL = 32_000
"""A spreadsheet holds 32,767 characters in a cell and spills a longer one over its neighbours."""

_BREAKS = frozenset("\t\r\n")
_OPENS_FORMULA = frozenset("=+-@\u2212")


def masked(text: str) -> str:
    """Returns a text with everything of a CPR number's shape masked, cut to what a cell can hold."""
    shown = mask_numbers(text)
    return shown if len(shown) <= LONGEST_CELL else shown[: LONGEST_CELL - 1] + "…"


def masked_params(params: Mapping[str, object]) -> dict[str, object]:
    """Returns an explanation's parameters with their texts masked.

    A parameter may be a column name, and in a file without a header line the first person's row is that.
    """
    return {key: masked(value) if isinstance(value, str) else value for key, value in params.items()}


def neutralised(text: str) -> str:
    """Returns a text that a spreadsheet shows and never runs: an apostrophe goes before a risky beginning."""
    return f"'{text}" if runs_as_formula(text) else text


def runs_as_formula(text: str) -> bool:
    """True when a spreadsheet might read a text as a formula, rather too often than too seldom.

    Blanks and unseen characters before the sign don't make it harmless, and the wide and small forms of the
    signs count as the signs themselves.
    """
    for character in text:
        if character in _BREAKS:
            return True
        if not _unseen(character):
            return unicodedata.normalize("NFKC", character)[0] in _OPENS_FORMULA
    return False


def _unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Mn")
