"""Fills the fields of an operation: from places and words of a settings file to the values of one request.

Pure. Knows neither zeep nor a schema: whether the places exist is for `contract` to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MANY = "[]"
"""The mark of a name that comes once per attachment."""

Values = Mapping[str, str | bytes]
"""What there is to fill in, by the words of `schemas.settings.SOAP_VALUES`."""


def fill(fields: Mapping[str, str], values: Values, attachments: Sequence[Values] = ()) -> dict[str, Any]:
    """Returns the request as nested tables; a place whose value we do not have is left out."""
    request: dict[str, Any] = {}
    for place, word in fields.items():
        names = place.split(".")
        if MANY not in place:
            _put(request, names, _value(word, values), 0)
            continue
        for nth, attachment in enumerate(attachments):
            _put(request, names, _value(word, {**values, **attachment}), nth)
    return request


def _value(word: str, values: Values) -> str | bytes | None:
    return word[1:] if word.startswith("=") else values.get(word) or None


def _put(table: dict[str, Any], names: Sequence[str], value: str | bytes | None, nth: int) -> None:
    """Puts a value at its place; of a name with the mark, into the table of the nth attachment."""
    if value is None:
        return
    name, *rest = names
    if not name.endswith(MANY):
        if rest:
            _put(table.setdefault(name, {}), rest, value, nth)
        else:
            table[name] = value
        return
    items = table.setdefault(name.removesuffix(MANY), [])
    if not rest:
        items.append(value)
        return
    while len(items) <= nth:
        items.append({})
    _put(items[nth], rest, value, nth)
