"""The delivery states of a consignment and the one table of how it may move between them.

`TRANSITIONS` is the whole truth (design 4); the ledger is its only user that writes. Relies on nothing;
knows no database and no channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What is true of a consignment now."""

    HELD = "held"  # the batch, or this row, waits for a person
    READY = "ready"  # due now or at next_attempt_at
    SENDING = "sending"  # one worker holds the lease
    IN_DOUBT = "in_doubt"  # it may have left; nobody knows
    ACCEPTED = "accepted"  # the channel took responsibility
    DELIVERED = "delivered"  # final: the channel's last word is good
    FAILED = "failed"  # final: on the error list, with its reason
    CANCELLED = "cancelled"  # final: a person stopped it before it was sent


class Cause(StrEnum):
    """Why a consignment moves."""

    HELD = "held"
    RELEASED = "released"
    CANCELLED = "cancelled"
    CLAIMED = "claimed"
    EXHAUSTED = "exhausted"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REROUTED = "rerouted"
    REFUSED = "refused"
    LOST = "lost"
    FOUND = "found"
    NOT_FOUND = "not_found"
    WRITTEN_OFF = "written_off"
    CONFIRMED = "confirmed"
    RETURNED = "returned"
    NO_WAY = "no_way"


@dataclass(frozen=True, slots=True)
class Arrow:
    """Where one cause leads from one state; `next_step` when the route moves on by one."""

    to: State
    next_step: bool = False


TRANSITIONS: dict[tuple[State, Cause], Arrow] = {
    (State.HELD, Cause.RELEASED): Arrow(State.READY),
    (State.HELD, Cause.CANCELLED): Arrow(State.CANCELLED),
    (State.READY, Cause.HELD): Arrow(State.HELD),
    (State.READY, Cause.CLAIMED): Arrow(State.SENDING),
    (State.READY, Cause.CANCELLED): Arrow(State.CANCELLED),
    (State.READY, Cause.EXHAUSTED): Arrow(State.FAILED),
    (State.SENDING, Cause.ACCEPTED): Arrow(State.ACCEPTED),
    (State.SENDING, Cause.DEFERRED): Arrow(State.READY),
    (State.SENDING, Cause.REROUTED): Arrow(State.READY, next_step=True),
    (State.SENDING, Cause.REFUSED): Arrow(State.FAILED),
    (State.SENDING, Cause.EXHAUSTED): Arrow(State.FAILED),
    (State.SENDING, Cause.NO_WAY): Arrow(State.HELD),
    (State.SENDING, Cause.LOST): Arrow(State.IN_DOUBT),
    (State.IN_DOUBT, Cause.FOUND): Arrow(State.ACCEPTED),
    (State.IN_DOUBT, Cause.NOT_FOUND): Arrow(State.READY),
    (State.IN_DOUBT, Cause.WRITTEN_OFF): Arrow(State.FAILED),
    (State.ACCEPTED, Cause.CONFIRMED): Arrow(State.DELIVERED),
    (State.ACCEPTED, Cause.RETURNED): Arrow(State.READY, next_step=True),
    (State.ACCEPTED, Cause.REFUSED): Arrow(State.FAILED),
    (State.ACCEPTED, Cause.EXHAUSTED): Arrow(State.FAILED),
}
"""(from, cause) → arrow. A pair that is not here can't happen.

Three arrows stand here beyond design 4's table: (ready, held), which the command `hold` needs; (accepted,
exhausted): word comes back that a message was returned and the route has no step left; and (sending, no_way):
no channel of the route may take it now, so it waits until one opens.
"""

FINAL = frozenset({State.DELIVERED, State.FAILED, State.CANCELLED})


def arrow(state: State, cause: Cause) -> Arrow:
    """Returns where `cause` leads from `state`; raises ValueError for a pair outside the table."""
    found = TRANSITIONS.get((state, cause))
    if found is None:
        raise ValueError(f"no transition from {state.value} by {cause.value}")
    return found
