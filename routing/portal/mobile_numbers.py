"""Reads mobile numbers as people write them: E.164, Danish unless a country is given; and masks them.

Pure. Says nothing about whether a number is in use, or whose it is.
"""

from __future__ import annotations

import re

from schemas.identity import MAX_LENGTH, tidy

_BETWEEN = str.maketrans("", "", " -.()/")
_DANISH = re.compile(r"[2-9][0-9]{7}")
_WHOLE = re.compile(r"\+[1-9][0-9]{6,14}")
_SHOWN = 2


def e164(text: str) -> str:
    """Returns `+45…` for a number of eight digits, `+…` for one with `+` or `00`; empty for anything else."""
    if len(text) > MAX_LENGTH:
        return ""
    bare = tidy(text).replace("(0)", "").translate(_BETWEEN)
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    if _DANISH.fullmatch(bare):
        bare = f"+45{bare}"
    if not _WHOLE.fullmatch(bare):
        return ""
    return bare if not bare.startswith("+45") or _DANISH.fullmatch(bare[3:]) else ""


def masked(number: str) -> str:
    """Returns what may be shown of a number to somebody who has proved nothing: the last two digits."""
    digits = e164(number).removeprefix("+45").removeprefix("+")
    return f"{'•' * 6}{digits[-_SHOWN:]}" if digits else ""
