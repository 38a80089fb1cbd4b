"""Turns aware datetimes into the integers that the ledger stores, and back: microseconds since 1970, UTC.

Relies on nothing. Reads no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Returns an aware datetime as microseconds; a naive one raises TypeError: a bug of the caller."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Returns the aware UTC datetime of a stored integer."""
    return _EPOCH + timedelta(microseconds=micros)


def maybe_from_micros(micros: int | None) -> datetime | None:
    """Returns None for None, else as `from_micros`."""
    return None if micros is None else from_micros(micros)
