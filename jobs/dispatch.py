"""The verb dispatch: sends every consignment that is due, on every channel that is open.

Relies on the house and on one lane per channel. First it takes over what dead workers left. Reads no drop and
writes no answer.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from jobs.attempts import Attempts, Patience
from jobs.breaker import Breaker
from jobs.house import House
from jobs.lane import ACTOR, LEASE_SECONDS, Lane, LaneResult, LeaseTerms
from jobs.look_again import look_again
from jobs.rules import ration_of, rules_of
from schemas.errors import ConfigurationError
from schemas.states import Cause


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What one pass did, per channel; `closed` are channels that consignments wait for and nobody serves.

    `n_opened` counts what had waited for a way and found one.
    """

    lanes: tuple[LaneResult, ...] = ()
    n_taken_over: int = 0
    closed: tuple[str, ...] = field(default=())
    n_opened: int = 0

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
        self,
        *,
        look_seconds: float = 0.0,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda n: None,
    ) -> DispatchResult:
        """Makes one pass; ends early, with all in flight recorded, once `stop()` is true.

        What waits for a way is looked at again when nobody has looked for `look_seconds`.
        """
        n_taken_over = take_over(self._house)
        try:
            with _settled_objects_let_be():
                return asyncio.run(self._pass(n_taken_over, look_seconds, stop, progress))
        except BaseException:
            # What could not be recorded is still ours in the ledger: the next run need not wait for it.
            self._house.worker.leave_leases()
            raise

    async def _pass(
        self,
        n_taken_over: int,
        look_seconds: float,
        stop: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> DispatchResult:
        house, results = self._house, dict[str, LaneResult]()
        try:
            n_opened = await look_again(house, pause_seconds=look_seconds, stop=stop)
            names = self._served(house.ledger.channels_in_use())
            while names:
                for result in await self._round(names, stop, progress):
                    results[result.channel] = result.after(results.get(result.channel))
                # What was rerouted in this round stands at a channel whose lane may have ended before.
                stopped = {name for name, result in results.items() if result.stopped_by}
                names = [] if stop() else [n for n in self._rerouted(results) if n not in stopped]
        finally:
            await house.close_channels()
        closed = set(house.ledger.channels_in_use()) - set(house.settings.channels)
        return DispatchResult(tuple(results.values()), n_taken_over, tuple(sorted(closed)), n_opened)

    def _served(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._house.settings.channels]

    def _rerouted(self, results: Mapping[str, LaneResult]) -> list[str]:
        """Returns the channels that have work although every lane has ended, once something was rerouted."""
        if not any(result.causes[Cause.REROUTED.value] for result in results.values()):
            return []
        in_use = self._served(self._house.ledger.channels_in_use())
        return [name for name in in_use if self._house.ledger.due(name)]

    async def _round(
        self, names: Iterable[str], stop: Callable[[], bool], progress: Callable[[int], None]
    ) -> list[LaneResult]:
        lanes, unbuilt = [], list[LaneResult]()
        for name in names:
            fault = self._unbuilt(name)
            if fault is None:
                lanes.append(self._lane(name, stop, progress))
            else:
                unbuilt.append(fault)
        # One that fails must not cut off what the others have in flight.
        ended = await asyncio.gather(*(lane.run() for lane in lanes), return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        return [*(lane.result for lane in lanes), *unbuilt]

    def _unbuilt(self, name: str) -> LaneResult | None:
        """Pauses a channel that can't even be built, so that the others go on; None when it is built."""
        try:
            self._house.channel(name)
        except ConfigurationError as error:
            self._house.ledger.pause(name, error.code, actor=ACTOR)
            return LaneResult(name, stopped_by=error.code)
        return None

    def _lane(self, name: str, stop: Callable[[], bool], progress: Callable[[int], None]) -> Lane:
        house = self._house
        settings = house.settings.channels[name]
        channel = house.channel(name)
        patience = Patience(settings.max_attempts, settings.backoff_seconds, settings.backoff_max_seconds)
        breaker = self._breakers.setdefault(
            name, Breaker(settings.breaker_failures, settings.breaker_pause_seconds, house.now)
        )
        attempts = Attempts(channel, patience, house.now, house.randomness, rules_of(house, name))
        terms = LeaseTerms(house.worker.name, self._lease_seconds, house.now, ration_of(house, name))
        return Lane(channel, house.ledger, attempts, breaker, terms, stop=stop, progress=progress)


@contextmanager
def _settled_objects_let_be() -> Iterator[None]:
    """Keeps the garbage collector from looking through all that was loaded before, again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def take_over(house: House) -> int:
    """Puts what dead workers were sending in doubt; returns how many consignments."""
    worker = house.worker
    dead = worker.dead()
    # What stands under our own name was left by a pass that an error ended: nothing is in flight now.
    n_taken_over = house.ledger.recover(lambda owner: owner in dead or owner == worker.name)
    worker.bury(dead)
    return n_taken_over
