"""Sends what is due on one channel, slice by slice, until nothing is due or the channel must rest.

Claims a slice from the ledger, tries its consignments side by side, records all outcomes in one transaction.
Two slices are under way at once, so that the other side never waits for our ledger; as many senders as the
channel takes calls side by side work off both. Relies on the ledger,
`jobs.attempts` and the breaker; decides no outcome itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from batch.failpoints import failpoint
from batch.records import Claim, Outcome, Ration
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
FIRST_SLICE, LARGEST_SLICE = 128, 256
SLICE_SECONDS = 1.0
"""A slice is about what this time is enough for: large ones share a commit, and small ones leave less in
doubt when we are killed."""
STOPPED = "channel.stopped"
OF_ONE_RECIPIENT = frozenset({"eboks.enrolment_unknown"})
"""Put off for a reason that says nothing about the other side: the breaker must not count it."""
TOO_LATE = "channel.lease_over"
RECORD_SECONDS = 15.0
"""How long a ledger that is away is waited for with answers in hand: without them they would be doubt."""


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

    def after(self, earlier: LaneResult | None) -> LaneResult:
        """Returns this result with what an earlier round of the same pass did added to it."""
        if earlier is not None:
            self.causes = earlier.causes + self.causes
            self.n_refused_writes += earlier.n_refused_writes
        return self


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Who claims, for how long a claim is theirs, and how much the channel may carry."""

    owner: str
    lease_seconds: float
    now: Callable[[], datetime]
    ration: Ration | None = None

    def last_start_at(self) -> datetime:
        """Returns until when a claim made now may be tried: half its lease is left for the answer."""
        return self.now() + timedelta(seconds=self.lease_seconds / 2)


class _Slice:
    """Claims that are recorded together: `outcomes` are all there when `ended` is done."""

    def __init__(self, n_claims: int, until_at: datetime) -> None:
        self.n_claims = n_claims
        self.until_at = until_at
        self.outcomes: list[Outcome] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == self.n_claims and not self.ended.done():
            self.ended.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Ends the wait with what ended a sender."""
        if not self.ended.done():
            self.ended.set_exception(error)


class Lane:
    """One channel's work. `stop()` says that no new slice may be claimed."""

    def __init__(
        self,
        channel: Channel,
        ledger: Ledger,
        attempts: Attempts,
        breaker: Breaker,
        terms: LeaseTerms,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda n: None,
    ) -> None:
        self._channel = channel
        self._ledger = ledger
        self._attempts = attempts
        self._breaker = breaker
        self._terms = terms
        self._stop = stop
        self._progress = progress
        self._fault: ConfigurationError | None = None
        self._size = FIRST_SLICE
        self._waiting: deque[tuple[Claim, _Slice]] = deque()
        self._senders: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold on them
        self._n_sending = 0
        self.result = LaneResult(channel.name)

    async def run(self) -> LaneResult:
        """Works until nothing is due; the result says how it went."""
        if await self._may_work():
            pumps = [asyncio.create_task(self._pump()) for _ in range(SLICES_UNDER_WAY)]
            # One that fails must not cut off what the other has in flight.
            for ended in await asyncio.gather(*pumps, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended
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
        while not self._stop() and self._fault is None:
            if self._breaker.closed:
                limit = self._size
            elif self._breaker.may_probe:
                limit = 1
            else:
                self.result.stopped_by = "channel.not_answering"
                return
            if not await self._work(limit):
                return

    async def _work(self, limit: int) -> int:
        """Clears doubts first, then sends what is ready; returns how many were under way."""
        started_at, until_at = self._terms.now(), self._terms.last_start_at()
        claims = self._claim(limit)
        if not claims:
            return 0
        failpoint("dispatch.claimed")
        outcomes = await self._try_all(claims, until_at)
        self._fit_size(len(claims), (self._terms.now() - started_at).total_seconds())
        refused = await self._record(outcomes)
        failpoint("dispatch.recorded")
        self.result.n_refused_writes += len(refused)
        tried = [outcome for outcome in outcomes if outcome.code not in (STOPPED, TOO_LATE)]
        for outcome in tried:
            self.result.causes[outcome.cause.value if outcome.cause else "still_in_doubt"] += 1
        self._progress(sum(1 for outcome in tried if outcome.cause is not Cause.NOT_FOUND))
        self._pause_on_fault()
        return len(claims)

    def _fit_size(self, n_claims: int, seconds: float) -> None:
        """Fits the next slices to how long one took."""
        if seconds > 2 * SLICE_SECONDS:
            self._size = max(n_claims // 2, self._channel.limits.parallel)
        elif seconds < SLICE_SECONDS and n_claims >= self._size:
            self._size = min(2 * self._size, LARGEST_SLICE)

    def _claim(self, limit: int) -> list[Claim]:
        name = self._channel.name
        owner, seconds = self._terms.owner, self._terms.lease_seconds
        claims = self._ledger.claim_doubts(name, limit, owner=owner, lease_seconds=seconds)
        if len(claims) < limit:
            claims += self._ledger.claim(
                name,
                limit - len(claims),
                owner=owner,
                lease_seconds=seconds,
                name_id=self._channel.message_id,
                ration=self._terms.ration,
            )
        return claims

    async def _record(self, outcomes: list[Outcome]) -> list[Claim]:
        """Records outcomes; tries again for a while when the ledger is away. Raises ServiceDown."""
        loop = asyncio.get_running_loop()
        started, pause = loop.time(), 0.1
        while True:
            try:
                return self._ledger.record(outcomes, actor=ACTOR)
            except ServiceDown:
                if loop.time() + pause > started + RECORD_SECONDS:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def _try_all(self, claims: list[Claim], until_at: datetime) -> list[Outcome]:
        """Hands claims to the senders and waits until all of them were tried or given back."""
        together = _Slice(len(claims), until_at)
        self._waiting.extend((claim, together) for claim in claims)
        n_wanted = min(len(self._waiting), self._channel.limits.parallel - self._n_sending)
        self._n_sending += n_wanted
        for _ in range(n_wanted):
            sender = asyncio.create_task(self._send_waiting())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        await together.ended
        return together.outcomes

    async def _send_waiting(self) -> None:
        """One sender: tries one claim after the other until none waits."""
        try:
            while self._waiting:
                await self._try_next(*self._waiting.popleft())
        finally:
            self._n_sending -= 1

    async def _try_next(self, claim: Claim, together: _Slice) -> None:
        try:
            together.add(await self._try(claim, together.until_at))
        except BaseException as error:
            together.fail(error)
            if not isinstance(error, Exception):
                raise

    async def _try(self, claim: Claim, until_at: datetime) -> Outcome:
        # A claim has waited for its turn: a breaker that opened meanwhile, or a wish to stop, still keeps it
        # from being tried, and it is given back as it was.
        if self._stop():
            return self._untried(claim, STOPPED)
        if self._terms.now() >= until_at:
            return self._untried(claim, TOO_LATE)  # stopped, asleep or slow: it may be another's by now
        if not self._breaker.closed and not self._breaker.may_probe:
            return self._untried(claim, "channel.not_answering")
        if self._fault is not None:
            return self._untried(claim, self._fault.code)
        outcome = await self._attempts.attempt(claim)
        failpoint("dispatch.sent")
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
        elif outcome.needs_person:
            return  # a question for a person says nothing of the other side
        elif outcome.of_one or outcome.code in OF_ONE_RECIPIENT:
            return  # nobody was asked to take anything, or somebody who speaks for one recipient alone
        elif outcome.cause in (Cause.DEFERRED, Cause.EXHAUSTED, Cause.LOST, None):
            self._breaker.failed()
        else:
            self._breaker.succeeded()

    def _pause_on_fault(self) -> None:
        if self._fault is not None and self.result.stopped_by != self._fault.code:
            self.result.stopped_by = self._fault.code
            self._ledger.pause(self._channel.name, self._fault.code, actor=ACTOR)
