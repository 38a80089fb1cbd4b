"""The first signal asks for an end in order, the second ends at once, and waiting ends with either."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from jobs.signals import EXIT_INTERRUPTED, Ending


@pytest.fixture
def exits() -> list[int]:
    return []


@pytest.fixture
def ending(exits: list[int]) -> Iterator[Ending]:
    ending = Ending(at_once=exits.append)
    with ending.listening():
        yield ending
    ending.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_end_and_ends_the_waiting(ending: Ending, number: int) -> None:
    killer = threading.Timer(0.05, os.kill, (os.getpid(), number))
    killer.start()
    ending.wait(100.0)
    killer.join()
    assert ending()


def test_a_second_signal_ends_at_once(ending: Ending, exits: list[int]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == []
    os.kill(os.getpid(), signal.SIGINT)
    assert exits == [EXIT_INTERRUPTED]


def test_a_hang_up_is_heard_once_and_ends_nothing(ending: Ending) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    ending.wait(100.0)
    assert [ending.hung_up(), ending.hung_up(), ending()] == [True, False, False]


def test_another_thread_may_ask_for_the_end(ending: Ending) -> None:
    asker = threading.Thread(target=ending.ask)
    asker.start()
    ending.wait(100.0)
    asker.join()
    assert ending()


def test_a_thousand_signals_do_not_block(ending: Ending) -> None:
    for _ in range(100_000):
        ending.ask()
    ending.wait(100.0)
    assert ending()


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ending = Ending()
    with ending.listening():
        assert signal.getsignal(signal.SIGTERM) is not before
    ending.close()
    assert signal.getsignal(signal.SIGTERM) is before
