"""Sends what is due on one channel, slice by slice, until nothing is due or the channel must rest.

Claims a slice from the ledger, tries its consignments side by side, records all outcomes in one transaction.
Two slices are under way at once, so that the other side never waits for our ledger. Relies on the ledger,
`jobs.attempts` and the breaker; decides no outcome itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch.records import Claim, Outcome
from jobs.attempts import Attempts
from jobs.breaker import Breaker
from schemas.channels import Channel
from schemas.errors import ConfigurationError, ServiceDown
from schemas.states import Cause

if TYPE_CHECKING:
    from batch.ledger import Ledger

ACTOR = "brevdue"
LEASE_SECONDS = 900.0
SLICES_UNDER_WAY = 2
STOPPED = "channel.stopped"


@dataclass(slots=True)
class LaneResult:
    """What one pass over a channel did: counts by cause, and why it stopped when work was left."""

    channel: str
    causes: Counter[str] = field(default_factory=Counter)
    n_refused_writes: int = 0
    stopped_by: str = ""

    @property
    def n_done(self) -> int:
        return sum(self.causes.values())


class Lane:
    """One channel's work. `stop()` says that no new slice may be claimed."""

    def __init__(
        self,
        channel: Channel,
        ledger: Ledger,
        attempts: Attempts,
        breaker: Breaker,
        owner: str,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda n: None,
    ) -> None:
        self._channel = channel
        self._ledger = ledger
        self._attempts = attempts
        self._breaker = breaker
        self._owner = owner
        self._stop = stop
        self._progress = progress
        self._fault: ConfigurationError | None = None
        self._room = asyncio.Semaphore(channel.limits.parallel)
        self.result = LaneResult(channel.name)

    async def run(self) -> LaneResult:
        """Works until nothing is due; the result says how it went."""
        if await self._may_work():
            pumps = [asyncio.create_task(self._pump()) for _ in range(SLICES_UNDER_WAY)]
            await asyncio.gather(*pumps)
        return self.result

    async def _may_work(self) -> bool:
        """Looks at pauses. One that we set ourselves is lifted once the channel's own check is content.

        Should the other side still say no, the next sends say so and pause it again, with no attempt burnt.
        """
        pause = next((p for p in self._ledger.pauses() if p.channel == self._channel.name), None)
        if pause is None:
            return True
        if pause.actor == ACTOR and await self._is_set_up():
            self._ledger.resume(self._channel.name, actor=ACTOR)
            return True
        self.result.stopped_by = pause.code
        return False

    async def _is_set_up(self) -> bool:
        try:
            await asyncio.to_thread(self._channel.check)
        except (ConfigurationError, ServiceDown):
            return False
        return True

    async def _pump(self) -> None:
        size = max(128, 16 * self._channel.limits.parallel)
        while not self._stop() and self._fault is None:
            if self._breaker.closed:
                limit = size
            elif self._breaker.may_probe:
                limit = 1
            else:
                self.result.stopped_by = "channel.not_answering"
                return
            if not await self._work(limit):
                return

    async def _work(self, limit: int) -> int:
        """Clears doubts first, then sends what is ready; returns how many were under way."""
        claims = self._claim(limit)
        if not claims:
            return 0
        outcomes = await asyncio.gather(*(self._try(claim) for claim in claims))
        refused = self._ledger.record(outcomes, actor=ACTOR)
        self.result.n_refused_writes += len(refused)
        tried = [outcome for outcome in outcomes if outcome.code != STOPPED]
        for outcome in tried:
            self.result.causes[outcome.cause.value if outcome.cause else "still_in_doubt"] += 1
        self._progress(sum(1 for outcome in tried if outcome.cause is not Cause.NOT_FOUND))
        self._pause_on_fault()
        return len(claims)

    def _claim(self, limit: int) -> list[Claim]:
        name = self._channel.name
        claims = self._ledger.claim_doubts(name, limit, owner=self._owner, lease_seconds=LEASE_SECONDS)
        if len(claims) < limit:
            claims += self._ledger.claim(
                name,
                limit - len(claims),
                owner=self._owner,
                lease_seconds=LEASE_SECONDS,
                name_id=self._channel.message_id,
            )
        return claims

    async def _try(self, claim: Claim) -> Outcome:
        # A claim waits for its turn here: a breaker that opens meanwhile, or a wish to stop, still keeps it
        # from being tried, and it is given back as it was.
        async with self._room:
            if self._stop():
                return self._untried(claim, STOPPED)
            if not self._breaker.closed and not self._breaker.may_probe:
                return self._untried(claim, "channel.not_answering")
            if self._fault is not None:
                return self._untried(claim, self._fault.code)
            outcome = await self._attempts.attempt(claim)
            self._judge(outcome)
            return outcome

    def _untried(self, claim: Claim, code: str) -> Outcome:
        """Gives a claim back as it was: nothing was sent, no attempt is burnt."""
        cause = None if claim.doubtful else Cause.DEFERRED
        return Outcome(claim, cause, code, retry_at=self._breaker.open_until, burnt=False)

    def _judge(self, outcome: Outcome) -> None:
        """Tells the breaker how the other side did, and remembers a fault of our own set-up."""
        if not outcome.burnt:
            self._fault = self._fault or ConfigurationError(outcome.code, **outcome.params)
        elif outcome.cause in (Cause.DEFERRED, Cause.EXHAUSTED, Cause.LOST, None):
            self._breaker.failed()
        else:
            self._breaker.succeeded()

    def _pause_on_fault(self) -> None:
        if self._fault is not None and self.result.stopped_by != self._fault.code:
            self.result.stopped_by = self._fault.code
            self._ledger.pause(self._channel.name, self._fault.code, actor=ACTOR)
