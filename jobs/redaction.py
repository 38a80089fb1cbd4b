"""Lets only what is known to be harmless into a log line: our own events, keys, ids, codes and counts.

Relies on `schemas.identity.mask_numbers`. Works by a list of what may pass, not of what may not: a name or a
title looks like any other word, so a word passes only under a key that is known to hold none. Everything
else reads `•`. Writes nothing: see `jobs.logs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType

from schemas.errors import Coded
from schemas.identity import mask_numbers

HIDDEN = "•"
UNKNOWN_EVENT = "log.unknown_event"

EVENTS = frozenset(
    {
        "batch.answered",
        "batch.closed",
        "batch.taken",
        "channel.stopped",
        "clock.jumped",
        "close.pass",
        "collect.pass",
        "collect.unreached",
        "dispatch.pass",
        "drop.refused",
        "inbox.strays",
        "library.message",
        "log.reopened",
        "portal.ended",
        "portal.failed",
        "portal.limited",
        "portal.started",
        "process.crashed",
        "pull.pass",
        "purge.pass",
        "python.warning",
        "run.broken",
        "run.ended",
        "run.ending",
        "run.heartbeat",
        "run.refused",
        "run.started",
        "slot.due",
        "source.busy",
        "verb.failed",
        "verb.unreached",
        "watch.failed",
        "watch.started",
    }
)
"""Every event of the house's log. The names are stable: people build alarms on them."""

WORD_KEYS = frozenset(
    {
        "batch",
        "channel",
        "code",
        "consignment",
        "error",
        "frames",
        "job",
        "kind",
        "level",
        "logger",
        "mode",
        "signal",
        "slot",
        "source",
        "stopped_by",
        "verb",
        "version",
        "where",
    }
)
"""The keys under which a word may stand: each holds a name from the settings or from the code itself."""

_KEY = re.compile(r"n_[a-z_]{1,40}|[a-z_]{1,40}_(?:seconds|at|bytes)")
_PLAIN_KEYS = frozenset({"pid", "exit_code", "simulated", "attempt"})
_WORD = re.compile(r"[A-Za-z0-9<][A-Za-z0-9_.:/+>-]{0,119}")
_SETTINGS_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# An id of ours holds digits in rows, which would be taken for a number of a person.
_OUR_ID = re.compile(r"\d{8}-\d{6}-[a-z2-7]{6}(?:-\d{5,7})?")
_MAX_DEPTH = 4
_MAX_ITEMS = 50
_N_FRAMES = 8
_LARGEST = 1e18


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields of one log line with everything hidden that is not known to be harmless."""
    event = fields.get("event")
    shown: dict[str, object] = {"event": event if event in EVENTS else UNKNOWN_EVENT}
    for key, value in fields.items():
        if key != "event":
            shown[_key(key)] = _value(key, value, 0)
    return shown


def name_or_hidden(word: str) -> str:
    """Returns a word that could be a name of the settings; anything else may be a person's, and is hidden."""
    return word if _SETTINGS_NAME.fullmatch(word) else HIDDEN


def describe_error(error: BaseException) -> dict[str, object]:
    """Returns what a log may say of an error: its type, its code if it is ours, and where; no message."""
    said: dict[str, object] = {"error": type(error).__name__}
    if isinstance(error, Coded):
        said["code"] = error.code
    if error.__traceback__ is not None:
        said["frames"] = frames(error.__traceback__)
    return said


def frames(trace: TracebackType | None) -> list[str]:
    """Returns the last few places of a traceback as `jobs/run.py:81`; no values."""
    places: list[str] = []
    while trace is not None:
        places.append(place(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return places[-_N_FRAMES:]


def place(path: str, line: int) -> str:
    """Returns a line of source by its file and the folder above, whatever lies over them."""
    return f"{'/'.join(path.split('/')[-2:])}:{line}"


def _key(key: object) -> str:
    known = isinstance(key, str) and (
        key in WORD_KEYS or key in _PLAIN_KEYS or _KEY.fullmatch(key) is not None
    )
    return str(key) if known else HIDDEN


def _value(key: object, value: object, depth: int) -> object:
    match value:
        case None | bool():
            return value
        case int() | float():
            return _number(value)
        case datetime():
            return value.isoformat()
        case BaseException():
            return {name: _value(name, part, depth + 1) for name, part in describe_error(value).items()}
        case str():
            return _word(key, value)
        case Mapping() | list() | tuple() if depth < _MAX_DEPTH:
            return _parts(key, value, depth)
        case _:
            return HIDDEN


def _parts(
    key: object, value: Mapping[object, object] | list[object] | tuple[object, ...], depth: int
) -> object:
    if isinstance(value, Mapping):
        return {_key(name): _value(name, part, depth + 1) for name, part in list(value.items())[:_MAX_ITEMS]}
    return [_value(key, part, depth + 1) for part in value[:_MAX_ITEMS]]


def _number(value: int | float) -> int | float | str:
    if not abs(value) < _LARGEST:  # also what is no number, which JSON does not know
        return HIDDEN
    number = round(value, 3) if isinstance(value, float) else value
    text = f"{number:.3f}" if isinstance(number, float) else str(number)
    return number if mask_numbers(text) == text else HIDDEN


def _word(key: object, text: str) -> str:
    if text and (key not in WORD_KEYS or not _WORD.fullmatch(text)):
        return HIDDEN
    return text if _OUR_ID.fullmatch(text) else mask_numbers(text)
