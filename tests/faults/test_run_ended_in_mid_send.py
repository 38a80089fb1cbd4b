"""`brevdue run` is told to end, or is killed, while documents are on their way: each arrives exactly once."""

from __future__ import annotations

import signal

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator
from tests.rigs.services import QUICK, Service, running

pytest_plugins = ["tests.rigs.houses"]

N = 120


def _slow(house: HouseOnDisk, seconds: float) -> None:
    """Lets e-Boks take letters at once and answer late: there is time to end the service meanwhile."""
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=seconds)


def _quick(house: HouseOnDisk) -> None:
    with house.simulator.client() as client:
        client.clear_faults()


def _some_sent(service: Service) -> None:
    service.wait_until(lambda: held_by_simulator(service.house), "the first document")


def test_told_to_end_it_records_what_is_in_flight_and_sends_no_more(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    expected = write_big_drop(house.inbox, "stor", N, n_bytes=6_000).expected
    _slow(house, 0.5)
    with running(house) as service:
        _some_sent(service)
        assert service.stop().code == 0
    states = house.states()
    held = len(held_by_simulator(house))
    assert held < N, "it was told to end before it was through"
    assert states == {"delivered": held, "ready": N - held}
    _quick(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        service.stop()
    assert_each_exactly_once(house, expected)
    assert_ledger_agrees(house, N)


@pytest.mark.parametrize("numbers", [[signal.SIGKILL], [signal.SIGTERM, signal.SIGTERM]])
def test_ended_at_once_the_next_start_clears_every_doubt(found_house: FoundHouse, numbers: list[int]) -> None:
    house = found_house(house=QUICK)
    expected = write_big_drop(house.inbox, "stor", N, n_bytes=6_000).expected
    _slow(house, 8.0)  # nobody waits for these answers
    with running(house) as service:
        _some_sent(service)
        service.tell(numbers[0])
        if numbers[1:]:
            service.wait_for("run.ending")
            service.tell(numbers[1])
        assert service.ended().code in (-signal.SIGKILL, 130)
    _quick(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        assert service.stop().code == 0
    assert_each_exactly_once(house, expected)
    assert_ledger_agrees(house, N)
