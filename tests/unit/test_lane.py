"""A lane sends all that is due, no more side by side than the channel takes, in slices that fit its pace."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from jobs.attempts import Attempts, Patience
from jobs.breaker import Breaker
from jobs.lane import FIRST_SLICE, LARGEST_SLICE, Lane, LaneResult, LeaseTerms
from schemas.channels import Cursor, Limits, Protection, Reach
from schemas.consignments import Consignment, Receipt, ReceiptEvent
from tests.rigs.ledgers import CHANNEL, OWNER, LedgerHouse


class CountingChannel:
    """Takes every letter after a turn of the loop, and counts how many are with it at once."""

    name = CHANNEL
    protection = Protection.MAILBOX
    idempotent = True
    one_side = True

    def __init__(
        self, house: LedgerHouse, parallel: int, during: Callable[[], object] = lambda: None
    ) -> None:
        self.limits = Limits(10_000_000, frozenset({"pdf"}), parallel)
        self._house = house
        self._during = during
        self._n_now = 0
        self.n_at_once = 0
        self.sent: Counter[str] = Counter()

    def check(self) -> None: ...

    def findings(self):
        return ()

    def message_id(self, seed: str) -> str:
        return f"msg-{seed}"

    async def reaches(self, consignment: Consignment) -> Reach:
        return Reach(True)

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        self._n_now += 1
        self.n_at_once = max(self.n_at_once, self._n_now)
        await asyncio.sleep(0)
        self._during()
        self._n_now -= 1
        self.sent[consignment.id] += 1
        return Receipt(CHANNEL, message_id, self._house.clock(), final=True)

    async def find(self, message_id: str) -> Receipt | None:
        return None

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        return
        yield

    async def close(self) -> None: ...


def work(house: LedgerHouse, channel: CountingChannel) -> tuple[LaneResult, list[int]]:
    """Runs one lane to its end; returns its result and the sizes of its slices in the order they ended."""
    slices: list[int] = []
    attempts = Attempts(channel, Patience(5, 10, 3600), house.clock, random.Random(1))
    terms = LeaseTerms(OWNER, 900, house.clock)

    async def whole() -> LaneResult:
        breaker = Breaker(5, 60, house.clock)
        lane = Lane(channel, house.ledger, attempts, breaker, terms, progress=slices.append)
        return await asyncio.wait_for(lane.run(), 60)

    return asyncio.run(whole()), slices


@pytest.mark.parametrize("parallel", [1, 3])
def test_both_slices_share_the_places_of_the_channel(ledgers, parallel):
    ledgers.add(300)
    channel = CountingChannel(ledgers, parallel)
    result, _ = work(ledgers, channel)
    assert result.causes == {"accepted": 300}
    assert channel.n_at_once == parallel
    assert set(channel.sent.values()) == {1}


@pytest.mark.parametrize("parallel", [1, 8])
def test_what_becomes_due_meanwhile_is_sent_in_the_same_pass(ledgers, parallel):
    more = iter([4, 3])
    ledgers.add(2)
    channel = CountingChannel(ledgers, parallel, lambda: ledgers.add(n) if (n := next(more, 0)) else None)
    result, _ = work(ledgers, channel)
    assert result.causes == {"accepted": 9}


def test_slices_grow_while_they_are_quick(ledgers):
    ledgers.add(2 * FIRST_SLICE + 2 * LARGEST_SLICE)
    _, slices = work(ledgers, CountingChannel(ledgers, 8))
    assert slices == [FIRST_SLICE, FIRST_SLICE, LARGEST_SLICE, LARGEST_SLICE]


def test_slices_shrink_to_what_a_slow_channel_manages_in_a_second_or_two(ledgers):
    ledgers.add(600)
    channel = CountingChannel(ledgers, 8, lambda: ledgers.clock.wait(0.1))
    _, slices = work(ledgers, channel)
    assert slices[:2] == [FIRST_SLICE, FIRST_SLICE]
    assert max(slices[-4:]) <= 20, "two slices share the channel, so each has half of its pace"
