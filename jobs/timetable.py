"""Says when each line of the timetable is due: at local cron times in Denmark, or at an even interval.

Relies on `schemas.settings` for the lines and on the zone data of Europe/Copenhagen. Pure: reads no clock,
starts nothing, remembers nothing. A cron slot bears the local wall time as its name (`2026-10-25T02:30`), and
a wall time happens once: where clocks go back its first pass counts, where they go forward a skipped time
runs as much later as the clock leapt (02:30 at 03:30). Cron lines read as crontab(5) has them: five fields,
Sunday is 0 or 7, and where both day fields are given one of them is enough.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.errors import ConfigurationError
from schemas.settings import TimetableEntry

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
# Far enough to meet the 29th of February over a century year without one.
HORIZON_DAYS = 8 * 366 + 1
SHORTEST_SECONDS = 0.01
LONGEST_SECONDS = 366 * 86_400.0

_MONTHS = {
    name: n
    for n, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_WEEKDAYS = {name: n for n, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}


@dataclass(frozen=True, slots=True)
class _Field:
    """One place of a cron line: its name for people, its first and last value, its words."""

    name: str
    first: int
    last: int
    words: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One time at which a line is due. `kept` slots are written in the ledger, so that they run once."""

    name: str
    at: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds, counted from 1970, so that a restart keeps the beat."""

    every_seconds: float

    def next_slot(self, after: datetime) -> Slot:
        """Returns the first slot later than `after`."""
        n = int(after.timestamp() // self.every_seconds) + 1
        while (slot := self._slot(n)).at <= after:  # a beat finer than a microsecond of the clock
            n += 1
        return slot

    def last_slot(self, until: datetime, within: timedelta) -> Slot | None:
        """Returns the last slot up to `until`, if it is younger than `within`."""
        slot = self._slot(int(until.timestamp() // self.every_seconds))
        return slot if until - within < slot.at <= until else None

    def _slot(self, n: int) -> Slot:
        return Slot(str(n), datetime.fromtimestamp(n * self.every_seconds, UTC), kept=False)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line in Danish local time, read into the values of its five fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next_slot(self, after: datetime) -> Slot | None:
        """Returns the first slot later than `after`; None for a date that never comes (30 February)."""
        first = after.astimezone(COPENHAGEN).date()
        for day in _dates(first, HORIZON_DAYS):
            slots = self._slots(day)
            if slots and slots[-1].at > after:
                return slots[bisect_right(slots, after, key=_when)]
        return None

    def last_slot(self, until: datetime, within: timedelta) -> Slot | None:
        """Returns the last slot up to `until`, if it is younger than `within`."""
        first = (until - within).astimezone(COPENHAGEN).date()
        last = until.astimezone(COPENHAGEN).date()
        found = None
        for day in _dates(first, (last - first).days + 1):
            for slot in self._slots(day):
                if until - within < slot.at <= until:
                    found = slot
        return found

    def _falls_on(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = of_month or of_week if self.either_day else of_month and of_week
        return fits and day.month in self.months

    def _slots(self, day: date) -> tuple[Slot, ...]:
        return _slots_of(self.hours, self.minutes, day) if self._falls_on(day) else ()


@lru_cache(maxsize=16)
def _slots_of(hours: frozenset[int], minutes: frozenset[int], day: date) -> tuple[Slot, ...]:
    """Returns the slots of one local date by time; those that fall together are one."""
    found: dict[datetime, Slot] = {}
    for hour in hours:
        for minute in minutes:
            # fold=0: the first pass of a doubled hour; a skipped time moves on by the leap (PEP 495).
            wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=COPENHAGEN)
            at = wall.astimezone(UTC)
            if at not in found or at.astimezone(COPENHAGEN).hour == hour:
                found[at] = Slot(f"{wall:%Y-%m-%dT%H:%M}", at, kept=True)
    return tuple(sorted(found.values(), key=_when))


def _when(slot: Slot) -> datetime:
    return slot.at


Rhythm = Cron | Interval


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timetable: which verb, for which source (None: all), and when."""

    name: str
    verb: str
    source: str | None
    rhythm: Rhythm


def read_timetable(entries: Mapping[str, TimetableEntry]) -> tuple[Line, ...]:
    """Returns the lines of the settings' timetable.

    Raises ConfigurationError `timetable.bad_cron` (with the entry and the field) for a cron line that can't
    be read, `timetable.never` for one that is never due, `timetable.bad_interval` for a beat out of bounds.
    """
    return tuple(
        Line(name, entry.verb, entry.source, _rhythm(name, entry)) for name, entry in entries.items()
    )


def read_cron(line: str, entry: str = "cron") -> Cron:
    """Returns a cron line as its values; raises ConfigurationError `timetable.bad_cron`."""
    texts = line.lower().split()
    if len(texts) != len(_FIELDS):
        raise ConfigurationError("timetable.bad_cron", entry=entry, field="line")
    minutes, hours, days, months, weekdays = (
        _read_field(field, text, entry) for field, text in zip(_FIELDS, texts, strict=True)
    )
    both_given = not texts[2].startswith("*") and not texts[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(n % 7 for n in weekdays), both_given)


def _rhythm(name: str, entry: TimetableEntry) -> Rhythm:
    if entry.every_seconds is not None:
        if not SHORTEST_SECONDS <= entry.every_seconds <= LONGEST_SECONDS:
            raise ConfigurationError("timetable.bad_interval", entry=name, most=int(LONGEST_SECONDS))
        return Interval(entry.every_seconds)
    cron = read_cron(entry.cron or "", name)
    if cron.next_slot(datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise ConfigurationError("timetable.never", entry=name)
    return cron


def _read_field(field: _Field, text: str, entry: str) -> frozenset[int]:
    try:
        return frozenset(value for part in text.split(",") for value in _read_part(field, part))
    except ValueError:
        raise ConfigurationError("timetable.bad_cron", entry=entry, field=field.name) from None


def _read_part(field: _Field, part: str) -> range:
    """Reads `*`, `7`, `mon`, `1-5`, each perhaps with a step `/2`; raises ValueError."""
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = field.first, field.last
    elif dash:
        low, high = _read_value(field, first), _read_value(field, last)
    else:
        low = _read_value(field, first)
        high = field.last if slash else low
    stride = _whole(step) if slash else 1
    if low > high or stride < 1:
        raise ValueError
    return range(low, high + 1, stride)


def _read_value(field: _Field, text: str) -> int:
    value = field.words[text] if text in field.words else _whole(text)
    if not field.first <= value <= field.last:
        raise ValueError
    return value


def _whole(text: str) -> int:
    # int() alone would also read "+5", "1_0" and digits of other scripts.
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def _dates(first: date, n_days: int) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range(n_days))
