"""PostgreSQL is restarted again and again while letters are sent (facts/trust.md, 16): 0 lost, 0 twice."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.rigs.big_drops import BigDrop, write_big_drop
from tests.rigs.commands import PATIENCE_SECONDS, n_held, wait_until
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.postgres import PostgresServer

N = 300
RESTART_AT = (20, 90, 160, 230)
"""How many letters e-Boks holds when the database goes; each time in the middle of a slice."""
N_SLICE = 128


@pytest.fixture
def house(found_house: FoundHouse, postgres_url: str) -> HouseOnDisk:
    return found_house(database_url=postgres_url)


def _taken(house: HouseOnDisk, n: int, delay_seconds: float = 0.04) -> BigDrop:
    """Takes letters in and makes e-Boks slow, so that there is a middle of the sending."""
    drop = write_big_drop(house.inbox, "loen", n, n_bytes=4_000)
    house.brevdue("pull")
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=delay_seconds)
    return drop


def _fall(server: PostgresServer) -> None:
    server.crash()
    server.start()


def _ended(worker: subprocess.Popen[str]) -> None:
    """Waits for a worker's end, which must be in order: all done, or the database said to be away."""
    _, err = worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode in (0, 3, 4)
    assert {json.loads(line)["error"] for line in err.splitlines()} <= {"ledger.unreachable"}


@contextmanager
def _once(true: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Does something beside the block as soon as a condition holds, which must come."""

    def watch() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true() and time.monotonic() < deadline:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()


def test_nothing_is_lost_nothing_goes_twice_and_nobody_is_left_behind(
    house: HouseOnDisk, postgres_server: PostgresServer
) -> None:
    drop = _taken(house, N)
    restarts: list[Callable[[], None]] = [postgres_server.restart, lambda: _fall(postgres_server)] * 2
    worker = house.start("dispatch")
    for n, restart in zip(RESTART_AT, restarts, strict=True):
        while n_held(house) < n:
            if worker.poll() is not None:
                _ended(worker)
                worker = house.start("dispatch")
            time.sleep(0.01)
        restart()
    _ended(worker)
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, N)


def test_answers_that_come_while_it_is_away_are_kept_until_it_is_back(
    house: HouseOnDisk, postgres_server: PostgresServer
) -> None:
    drop = _taken(house, N_SLICE, delay_seconds=0.02)
    worker = house.start("dispatch")
    wait_until(lambda: n_held(house), worker)
    postgres_server.stop()
    wait_until(lambda: n_held(house) == N_SLICE, worker)
    postgres_server.start()
    _ended(worker)
    assert house.states() == {"delivered": N_SLICE}
    with house.simulator.client() as client:
        assert {message["n_puts"] for message in client.messages()} == {1}
    assert_each_exactly_once(house, drop.expected)


def test_when_it_stays_away_the_run_ends_and_the_next_one_takes_over_at_once(
    house: HouseOnDisk, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = _taken(house, 40)
    with house.simulator.client() as client:
        client.clear_faults()
        # One answer that comes late: the slice is not recorded before the database is gone.
        client.add_fault("delay", delay_seconds=5.0, count=1)
    monkeypatch.setattr("jobs.lane.RECORD_SECONDS", 0.2)
    with _once(lambda: n_held(house) > 0, postgres_server.stop):
        ran = house.brevdue("dispatch")
    assert (ran.code, ran.out, json.loads(ran.err)["error"]) == (4, "", "ledger.unreachable")
    postgres_server.start()
    assert house.states() == {"sending": 40}
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 40)
