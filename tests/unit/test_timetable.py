"""The timetable is due once per local slot, also in the nights when clocks change, and never skips one."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.timetable import COPENHAGEN, Cron, Interval, Rhythm, Slot, read_cron, read_timetable
from schemas.errors import ConfigurationError
from schemas.settings import DEFAULT_TIMETABLE, TimetableEntry

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
OCTOBER = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)  # clocks go back on Sunday 25 October at 01:00 UTC
MARCH = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)  # and forward on Sunday 28 March at 01:00 UTC


def _watch(rhythm: Rhythm, start: datetime, n_minutes: int = 24 * 60) -> list[Slot]:
    """Looks at the clock every minute, as a scheduler does, and notes each slot that has become due."""
    seen: list[Slot] = []
    planned = rhythm.next_slot(start)
    for n in range(1, n_minutes + 1):
        now = start + n * MINUTE
        while planned is not None and planned.at <= now:
            seen.append(planned)
            planned = rhythm.next_slot(planned.at)
    return seen


def _names(slots: list[Slot]) -> list[str]:
    return [slot.name for slot in slots]


def _utc(slots: list[Slot]) -> list[str]:
    return [f"{slot.at:%d %H:%M}" for slot in slots]


def test_a_time_in_the_doubled_hour_is_due_once() -> None:
    slots = _watch(read_cron("30 2 * * *"), OCTOBER)
    assert _names(slots) == ["2026-10-25T02:30"]
    assert _utc(slots) == ["25 00:30"]


def test_a_time_in_the_skipped_hour_is_due_once_an_hour_later_on_the_clock() -> None:
    slots = _watch(read_cron("30 2 * * *"), MARCH)
    assert _names(slots) == ["2027-03-28T02:30"]
    assert [f"{slot.at.astimezone(COPENHAGEN):%H:%M}" for slot in slots] == ["03:30"]


def test_the_skipped_full_hour_is_due_when_the_clock_says_three() -> None:
    (slot,) = _watch(read_cron("0 2 * * *"), MARCH)
    assert f"{slot.at.astimezone(COPENHAGEN):%H:%M}" == "03:00"


def test_a_skipped_time_that_falls_on_another_slot_is_one_with_it() -> None:
    slots = _watch(read_cron("30 2,3 * * *"), MARCH)
    assert _names(slots) == ["2027-03-28T03:30"]


def test_every_hour_is_due_on_each_hour_the_clock_shows_once() -> None:
    back, forward = _watch(read_cron("0 * * * *"), OCTOBER), _watch(read_cron("0 * * * *"), MARCH)
    assert [name[-5:] for name in _names(back)].count("02:00") == 1
    assert len(back) == 23  # 24 hours pass, of which one shows the clock's times a second time
    assert "2027-03-28T02:00" not in _names(forward)
    assert len(forward) == 24


CRON_LINES = (
    "30 2 * * *",
    "0 2 * * *",
    "0 * * * *",
    "*/30 * * * *",
    "*/7 1-4 * * *",
    "59 2 * * sun",
    "* * * * *",
)


@pytest.mark.parametrize("start", [OCTOBER, MARCH, datetime(2026, 6, 3, 12, tzinfo=UTC)])
@pytest.mark.parametrize("line", CRON_LINES)
def test_no_slot_comes_twice_and_time_only_goes_forward(line: str, start: datetime) -> None:
    slots = _watch(read_cron(line), start)
    assert [name for name, n in Counter(_names(slots)).items() if n > 1] == []
    times = [slot.at for slot in slots]
    assert times == sorted(set(times))


@pytest.mark.parametrize("start", [OCTOBER, MARCH])
@pytest.mark.parametrize("line", CRON_LINES)
def test_every_wall_time_of_the_line_is_met_or_falls_on_one_that_is(line: str, start: datetime) -> None:
    cron = read_cron(line)
    met = {slot.at for slot in _watch(cron, start)}
    for n in range(1, 24 * 60 + 1):
        wall = (start + n * MINUTE).astimezone(COPENHAGEN)
        on_line = wall.minute in cron.minutes and wall.hour in cron.hours
        if on_line and wall.isoweekday() % 7 in cron.weekdays and wall.fold == 0:
            assert start + n * MINUTE in met


@pytest.mark.parametrize("start", [OCTOBER, MARCH])
@pytest.mark.parametrize("every", [30.0, 60.0, 900.0, 3600.0, 0.25])
def test_an_interval_keeps_its_beat_while_the_clocks_change(every: float, start: datetime) -> None:
    n_minutes = 5 if every < 1 else 24 * 60
    slots = _watch(Interval(every), start, n_minutes)
    assert len(slots) == n_minutes * 60 / every
    assert {b.at - a.at for a, b in itertools.pairwise(slots)} <= {timedelta(seconds=every)}
    assert not any(slot.kept for slot in slots)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(CRON_LINES),
)
def test_the_slot_that_was_last_is_the_one_before_the_next(moment: datetime, line: str) -> None:
    at, cron = moment.replace(tzinfo=UTC), read_cron(line)
    last = cron.last_slot(at, 8 * DAY)
    assert last is not None
    assert last.at <= at
    following, next_one = cron.next_slot(last.at), cron.next_slot(at)
    assert following == next_one


def test_a_slot_older_than_asked_for_is_not_caught_up() -> None:
    cron = read_cron("30 2 * * *")
    noon = datetime(2026, 6, 3, 12, tzinfo=UTC)
    assert cron.last_slot(noon, timedelta(hours=1)) is None
    assert _names([slot for slot in [cron.last_slot(noon, DAY)] if slot]) == ["2026-06-03T02:30"]
    assert Interval(3600.0).last_slot(noon + 5 * MINUTE, MINUTE) is None


@pytest.mark.parametrize(
    ("line", "dates"),
    [
        ("0 8 * * 1-5", ["06-01", "06-02", "06-03", "06-04", "06-05", "06-08"]),
        ("0 8 * * mon", ["06-01", "06-08", "06-15"]),
        ("0 8 * * 0", ["06-07", "06-14"]),
        ("0 8 * * 7", ["06-07", "06-14"]),
        ("0 8 * * SUN", ["06-07", "06-14"]),
        ("0 8 15,30 * *", ["06-15", "06-30", "07-15"]),
        ("0 8 1 jan,jul *", ["07-01", "01-01"]),
        ("0 8 10 * 5", ["06-05", "06-10", "06-12"]),
        ("0 8 */10 * *", ["06-01", "06-11", "06-21", "07-01"]),
        ("0 8 31 * *", ["07-31", "08-31", "10-31"]),
        ("0 8 25/3 * *", ["06-25", "06-28", "07-25"]),
    ],
)
def test_the_days_of_a_cron_line_are_those_of_crontab(line: str, dates: list[str]) -> None:
    at, found = datetime(2026, 5, 31, 23, 0, tzinfo=UTC), []
    for _ in dates:
        slot = read_cron(line).next_slot(at)
        assert slot is not None
        found.append(slot.name[5:10])
        at = slot.at
    assert found == dates


def test_leap_day_is_found_years_ahead() -> None:
    slot = read_cron("0 6 29 2 *").next_slot(datetime(2096, 3, 1, tzinfo=UTC))
    assert slot is not None
    assert slot.name == "2104-02-29T06:00"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("", "line"),
        ("30 2 * *", "line"),
        ("@daily", "line"),
        ("60 2 * * *", "minute"),
        ("-1 2 * * *", "minute"),
        ("5-1 2 * * *", "minute"),
        ("*/0 2 * * *", "minute"),
        ("+5 2 * * *", "minute"),
        ("1_0 2 * * *", "minute"),
        ("٣ 2 * * *", "minute"),
        ("30, 2 * * *", "minute"),
        ("30 24 * * *", "hour"),
        ("30 2 0 * *", "day"),
        ("30 2 * 13 *", "month"),
        ("30 2 * mon *", "month"),
        ("30 2 * * 8", "weekday"),
        ("30 2 * * */", "weekday"),
    ],
)
def test_a_line_that_is_no_cron_line_is_refused_with_its_field(line: str, field: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_timetable({"natten": TimetableEntry(verb="purge", cron=line)})
    assert (refused.value.code, refused.value.params) == (
        "timetable.bad_cron",
        {"entry": "natten", "field": field},
    )


def test_a_date_that_never_comes_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_timetable({"aldrig": TimetableEntry(verb="purge", cron="0 2 30 2 *")})
    assert refused.value.code == "timetable.never"


def test_the_default_timetable_reads() -> None:
    lines = {line.name: line for line in read_timetable(DEFAULT_TIMETABLE)}
    assert set(lines) == {"pull", "dispatch", "collect", "close", "purge"}
    assert isinstance(lines["purge"].rhythm, Cron)
    assert lines["dispatch"].rhythm == Interval(30.0)


@pytest.mark.parametrize("seconds", [0.001, 1e-9, 400 * 86_400.0, float("inf")])
def test_a_beat_out_of_bounds_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_timetable({"tit": TimetableEntry(verb="pull", every_seconds=seconds)})
    assert refused.value.code == "timetable.bad_interval"
