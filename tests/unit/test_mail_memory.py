"""Answers are remembered for their time, within the bound, and each question is asked once at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from routing.mail.memory import Memory


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 25, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


def memory(max_entries=10):
    clock = Hours()
    return Memory[str, int](clock, max_entries), clock


def test_a_question_under_way_is_not_asked_again():
    kept, _ = memory()
    asked = []

    async def ask():
        asked.append(1)
        await asyncio.sleep(0)
        return len(asked), 10.0

    async def act():
        return await asyncio.gather(*(kept.get("a", ask) for _ in range(50)))

    assert asyncio.run(act()) == [1] * 50


def test_an_answer_is_kept_for_its_seconds_and_zero_keeps_nothing():
    kept, clock = memory()
    answers = iter([(1, 10.0), (2, 0.0), (3, 5.0)])

    async def ask():
        return next(answers)

    async def act():
        found = []
        for seconds in (0, 9, 2, 0):
            clock.moment += timedelta(seconds=seconds)
            found.append(await kept.get("a", ask))
        return found

    assert asyncio.run(act()) == [1, 1, 2, 3]


def test_the_oldest_goes_when_there_are_too_many():
    kept, _ = memory(3)
    for n, key in enumerate("abcde"):
        kept.put(key, n, 60)
    assert [kept.peek(key) for key in "abcde"] == [None, None, 2, 3, 4]


def test_a_fault_is_everybodys_and_is_not_kept():
    kept, _ = memory()
    n_asked = 0

    async def ask():
        nonlocal n_asked
        n_asked += 1
        await asyncio.sleep(0)
        raise LookupError

    async def act():
        found = await asyncio.gather(*(kept.get("a", ask) for _ in range(3)), return_exceptions=True)
        with pytest.raises(LookupError):
            await kept.get("a", ask)
        return [type(one) for one in found]

    assert asyncio.run(act()) == [LookupError] * 3
    assert n_asked == 2


def test_what_was_put_meanwhile_is_not_replaced_by_an_older_question():
    kept, _ = memory()
    go = asyncio.Event()

    async def ask():
        await go.wait()
        return 1, 60.0

    async def act():
        waiting = asyncio.create_task(kept.get("a", ask))
        await asyncio.sleep(0)
        kept.put("a", 2, 60)
        go.set()
        return await waiting, kept.peek("a")

    assert asyncio.run(act()) == (1, 2)


def test_closing_ends_what_is_being_asked():
    kept, _ = memory()

    async def ask():
        await asyncio.Event().wait()
        return 1, 1.0

    async def act():
        waiting = asyncio.create_task(kept.get("a", ask))
        await asyncio.sleep(0)
        await kept.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(act())
