"""Turns one try of a channel into an outcome for the ledger: the house's only `except` ladder (design 5).

Relies on the channel contract and the error tree. Claims and records nothing itself; logs nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batch.records import Claim, Outcome
from schemas.channels import Channel, Reach
from schemas.consignments import Consignment, Receipt
from schemas.errors import CannotTell, Coded, ConfigurationError, InDoubt, Refused, Transient, Unreachable
from schemas.states import Cause

OF_ONE_DOCUMENT = frozenset({"store.damaged"})
"""Faults of our own that concern one document: the others must not wait for it."""


TOO_MUCH = "policy.too_much"


def _no_obstacle(consignment: Consignment) -> str:
    return ""


def _waits_never(consignment: Consignment) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say now of one channel.

    `obstacle` returns why the channel may not carry a consignment, empty when it may; `waits` says whether
    one that no channel may take waits for a way, or ends on the error list.
    """

    obstacle: Callable[[Consignment], str] = _no_obstacle
    waits: Callable[[Consignment], bool] = _waits_never


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a step is tried again."""

    max_attempts: int
    backoff_seconds: float
    backoff_max_seconds: float

    def wait_seconds(self, attempts: int, asked: float | None, randomness: random.Random) -> float:
        """Returns the pause after `attempts` tries: doubling, with jitter, never shorter than asked for."""
        doubled = self.backoff_seconds * 2.0 ** min(max(attempts - 1, 0), 30)
        pause = min(doubled, self.backoff_max_seconds) * randomness.uniform(0.5, 1.5)
        return pause if asked is None else max(pause, asked * randomness.uniform(1.0, 1.1))


class Attempts:
    """Tries claims on one channel."""

    def __init__(
        self,
        channel: Channel,
        patience: Patience,
        now: Callable[[], datetime],
        randomness: random.Random,
        rules: Rules | None = None,
    ) -> None:
        self._channel = channel
        self._rules = rules or Rules()
        self._patience = patience
        self._now = now
        self._random = randomness

    async def attempt(self, claim: Claim) -> Outcome:
        """Returns what came of trying this claim; raises only what ends the process."""
        try:
            receipt = await (self._clear(claim) if claim.doubtful else self._hand_over(claim))
        except Transient as error:
            return self._told_apart(self._deferred(claim, error), its_own=error.reached)
        except Unreachable as error:
            return self._answered(claim, Cause.REROUTED, error)
        except Refused as error:
            return self._answered(claim, Cause.REFUSED, error)
        except InDoubt as error:
            return self._told_apart(self._lost(claim, error, needs_person=error.needs_person), its_own=True)
        except CannotTell as error:
            return self._lost(claim, error, needs_person=True)
        except ConfigurationError as error:
            if error.code in OF_ONE_DOCUMENT:
                return self._unreadable(claim, error)
            return self._not_tried(claim, error)
        except Exception as error:  # a bug in us, and bytes may have left: unknown is never success
            return self._lost(claim, Coded("send.bug", kind=type(error).__name__), needs_person=False)
        if receipt is None:
            return Outcome(claim, Cause.NOT_FOUND, retry_at=self._now())
        cause = Cause.FOUND if claim.doubtful else Cause.ACCEPTED
        return Outcome(claim, cause, code=receipt.code, receipt=receipt)

    def _told_apart(self, outcome: Outcome, *, its_own: bool) -> Outcome:
        """Marks a failure of the recipient's own side, where each recipient has one."""
        return replace(outcome, of_one=True) if its_own and not self._channel.one_side else outcome

    async def _hand_over(self, claim: Claim) -> Receipt:
        # After an attempt that may have been taken, a look-up must not send it by another channel: only the
        # channel's own answer to the same message may.
        if not claim.consignment.earlier_unknown:
            code = TOO_MUCH if claim.over_ration else self._rules.obstacle(claim.consignment)
            if code:
                raise Unreachable(code)
            reach = await self._reach(claim)
            if not reach.reached:
                kind = Refused if reach.refused else Unreachable
                raise kind(reach.code, **reach.params)
        return await self._channel.send(claim.consignment, claim.message_id)

    async def _reach(self, claim: Claim) -> Reach:
        try:
            return await self._channel.reaches(claim.consignment)
        except Transient as error:
            error.maybe_taken = False  # a question hands nothing over
            raise

    async def _clear(self, claim: Claim) -> Receipt | None:
        if not self._channel.idempotent:
            try:
                return await self._channel.find(claim.message_id)
            except CannotTell as error:
                # Once more and never a second time: a resend whose outcome is unknown too has been counted.
                if not error.send_once_more or claim.n_unknown > 1:
                    raise
        return await self._channel.send(claim.consignment, claim.message_id)

    def _deferred(self, claim: Claim, error: Transient) -> Outcome:
        if error.maybe_taken and not self._channel.idempotent:
            # As an ordinary attempt it could be taken twice: only doubt knows how to ask.
            return self._lost(claim, error, needs_person=False, asked=error.retry_after_seconds)
        attempts = claim.consignment.attempts
        wait = self._patience.wait_seconds(attempts, error.retry_after_seconds, self._random)
        retry_at = self._now() + timedelta(seconds=wait)
        if claim.doubtful:
            return Outcome(claim, None, error.code, error.params, retry_at=retry_at)
        if attempts < self._patience.max_attempts:
            return Outcome(
                claim, Cause.DEFERRED, error.code, error.params, retry_at=retry_at, unknown=error.maybe_taken
            )
        # Giving up would say "not sent" of something that may have been: then it is doubt, and doubt asks on.
        if error.maybe_taken or claim.consignment.earlier_unknown:
            return Outcome(claim, Cause.LOST, error.code, error.params, retry_at=retry_at, unknown=True)
        return Outcome(claim, Cause.EXHAUSTED, error.code, error.params)

    def _answered(self, claim: Claim, cause: Cause, error: Coded) -> Outcome:
        if not claim.doubtful:
            at_end = Cause.NO_WAY if self._rules.waits(claim.consignment) else Cause.EXHAUSTED
            return Outcome(claim, cause, error.code, error.params, retry_at=self._now(), at_end=at_end)
        if not self._channel.idempotent:
            # It speaks of what was sent once more; the first may still have been taken.
            return self._lost(claim, error, needs_person=True)
        # A clear answer ends doubt: it was not taken. The ordinary next attempt then draws the conclusion.
        return Outcome(claim, Cause.NOT_FOUND, error.code, error.params, retry_at=self._now())

    def _lost(self, claim: Claim, error: Coded, *, needs_person: bool, asked: float | None = None) -> Outcome:
        wait = self._patience.wait_seconds(claim.consignment.attempts, asked, self._random)
        return Outcome(
            claim,
            None if claim.doubtful else Cause.LOST,
            error.code,
            error.params,
            # The first question may come at once; the next ones wait longer and longer.
            retry_at=self._now() + timedelta(seconds=wait if claim.doubtful or asked else 0),
            # Where only a person can tell, this try proved nothing new: an id conflict must not make the next
            # "already used" count as ours.
            unknown=not needs_person,
            needs_person=needs_person,
        )

    def _unreadable(self, claim: Claim, error: ConfigurationError) -> Outcome:
        """Ends a consignment whose own document can't be read; one that may have left waits for a person."""
        if claim.doubtful or claim.consignment.earlier_unknown:
            return self._lost(claim, error, needs_person=True)
        return Outcome(claim, Cause.REFUSED, error.code, error.params)

    def _not_tried(self, claim: Claim, error: ConfigurationError) -> Outcome:
        cause = None if claim.doubtful else Cause.DEFERRED
        return Outcome(claim, cause, error.code, error.params, retry_at=self._now(), burnt=False)
