"""The verb dispatch: sends every consignment that is due, on every channel that is open.

Relies on the house and on one lane per channel. First it takes over what dead workers left. Reads no drop and
writes no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.attempts import Attempts, Patience
from jobs.breaker import Breaker
from jobs.house import House
from jobs.lane import LEASE_SECONDS, Lane, LaneResult, LeaseTerms


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What one pass did, per channel; `closed` are channels that consignments wait for and nobody serves."""

    lanes: tuple[LaneResult, ...] = ()
    n_taken_over: int = 0
    closed: tuple[str, ...] = field(default=())

    @property
    def unreached(self) -> bool:
        """True when a channel could not be used and work was left."""
        return bool(self.closed) or any(lane.stopped_by for lane in self.lanes)


class Dispatcher:
    """Keeps the breakers between passes; one per process. `lease_seconds` is how long a claim is ours."""

    def __init__(self, house: House, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._house = house
        self._lease_seconds = lease_seconds
        self._breakers: dict[str, Breaker] = {}

    def run(
        self, *, stop: Callable[[], bool] = lambda: False, progress: Callable[[int], None] = lambda n: None
    ) -> DispatchResult:
        """Makes one pass; ends early, with all in flight recorded, once `stop()` is true."""
        n_taken_over = take_over(self._house)
        try:
            return asyncio.run(self._pass(n_taken_over, stop, progress))
        except BaseException:
            # What could not be recorded is still ours in the ledger: the next run need not wait for it.
            self._house.worker.leave_leases()
            raise

    async def _pass(
        self, n_taken_over: int, stop: Callable[[], bool], progress: Callable[[int], None]
    ) -> DispatchResult:
        in_use = self._house.ledger.channels_in_use()
        served = [name for name in in_use if name in self._house.settings.channels]
        try:
            lanes = [self._lane(name, stop, progress) for name in served]
            # One that fails must not cut off what the others have in flight.
            ended = await asyncio.gather(*(lane.run() for lane in lanes), return_exceptions=True)
        finally:
            await self._house.close_channels()
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        results = tuple(lane.result for lane in lanes)
        return DispatchResult(results, n_taken_over, tuple(sorted(set(in_use) - set(served))))

    def _lane(self, name: str, stop: Callable[[], bool], progress: Callable[[int], None]) -> Lane:
        house = self._house
        settings = house.settings.channels[name]
        channel = house.channel(name)
        patience = Patience(settings.max_attempts, settings.backoff_seconds, settings.backoff_max_seconds)
        breaker = self._breakers.setdefault(
            name, Breaker(settings.breaker_failures, settings.breaker_pause_seconds, house.now)
        )
        attempts = Attempts(channel, patience, house.now, house.randomness)
        terms = LeaseTerms(house.worker.name, self._lease_seconds, house.now)
        return Lane(channel, house.ledger, attempts, breaker, terms, stop=stop, progress=progress)


def take_over(house: House) -> int:
    """Puts what dead workers were sending in doubt; returns how many consignments."""
    worker = house.worker
    dead = worker.dead()
    # What stands under our own name was left by a pass that an error ended: nothing is in flight now.
    n_taken_over = house.ledger.recover(lambda owner: owner in dead or owner == worker.name)
    worker.bury(dead)
    return n_taken_over
