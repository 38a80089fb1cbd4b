"""The breaker: when it opens, whom it lets through, and how it closes again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.breaker import Breaker


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def opened(failures: int = 3) -> tuple[Breaker, Hands]:
    clock = Hands()
    breaker = Breaker(failures, 30.0, clock)
    for _ in range(failures):
        breaker.failed()
    return breaker, clock


def test_it_opens_after_the_set_number_of_failures_in_a_row_and_not_before():
    clock = Hands()
    breaker = Breaker(3, 30.0, clock)
    breaker.failed()
    breaker.failed()
    assert breaker.closed
    breaker.failed()
    assert not breaker.closed
    assert not breaker.may_probe


def test_a_success_in_between_starts_the_count_again():
    breaker = Breaker(2, 30.0, Hands())
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.closed


def test_after_the_pause_it_lets_a_probe_through():
    breaker, clock = opened()
    clock.move(29)
    assert not breaker.may_probe
    clock.move(1)
    assert breaker.may_probe


def test_a_failed_probe_doubles_the_pause_up_to_an_hour():
    breaker, clock = opened()
    pauses = []
    for _ in range(10):
        assert breaker.open_until is not None
        clock.at = breaker.open_until
        breaker.failed()
        pauses.append((breaker.open_until - clock.at).total_seconds())
    assert pauses[:3] == [60, 120, 240]
    assert pauses[-1] == 3600


def test_failures_of_sends_that_were_already_on_their_way_do_not_lengthen_the_pause():
    breaker, _clock = opened()
    until = breaker.open_until
    for _ in range(20):
        breaker.failed()
    assert breaker.open_until == until


def test_a_good_probe_closes_it_and_resets_the_pause():
    breaker, clock = opened()
    clock.move(30)
    breaker.succeeded()
    assert breaker.closed
    for _ in range(3):
        breaker.failed()
    assert (breaker.open_until - clock.at).total_seconds() == 30
