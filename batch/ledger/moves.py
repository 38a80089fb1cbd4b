"""Moves consignments along the arrows of the transitions table, in groups: the only writer of their state.

Relies on `schemas.states` for where a cause leads and on `batch.ledger.engine` for the statements. A move is
read, changed in memory and written back with its events in the caller's transaction; the update asks for the
state and the lease number that were read. Decides no cause: see outcomes, receipts and people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from batch.ledger.engine import among, insert_many, update_many
from batch.ledger.store import BATCH, CONSIGNMENT, EVENT, dump
from schemas.states import Cause, State, arrow

HOUSE_ACTOR = "house"
BATCH_HELD = "ledger.batch_held_by_person"
BATCH_CANCELLED = "ledger.batch_cancelled"
CANCELLED = "ledger.cancelled_by_person"

_READ = (
    "id",
    "batch_id",
    "route",
    "state",
    "lease_number",
    "step",
    "channel",
    "code",
    "params",
    "column",
    "message_id",
    "attempts",
    "unknown_attempts",
    "n_worker_losses",
    "needs_person",
    "next_attempt_at",
    "lease_owner",
    "lease_until",
    "version",
    "changed_at",
)
_FIXED = ("id", "batch_id", "route")
MOVE_COLUMNS = [CONSIGNMENT.c[name] for name in _READ]
"""What a query must select, in this order, so that `Move(*row)` stands."""

_LOCKED = select(*MOVE_COLUMNS).order_by(CONSIGNMENT.c.id).with_for_update()
_WRITTEN = tuple(name for name in _READ if name not in _FIXED)
_WRITTEN_ON_STEP = tuple(name for name in _WRITTEN if name not in ("step", "channel"))
_UPDATE = update(CONSIGNMENT).where(
    CONSIGNMENT.c.id == bindparam("id_is"),
    CONSIGNMENT.c.state == bindparam("state_was"),
    CONSIGNMENT.c.lease_number == bindparam("lease_was"),
)


@dataclass(slots=True)
class Move:
    """One consignment on its way from what was read to what will be written.

    The first fields are the columns of the row, named as there; `state_was`, `lease_was` and `step_was`
    remember what was read. `events` are the rows of its history that this move adds.
    """

    id: str
    batch_id: str
    route: str
    state: str
    lease_number: int
    step: int
    channel: str
    code: str
    params: str
    column: str
    message_id: str | None
    attempts: int
    unknown_attempts: int
    n_worker_losses: int
    needs_person: bool
    next_attempt_at: int
    lease_owner: str
    lease_until: int
    version: int
    changed_at: int
    state_was: str = ""
    lease_was: int = 0
    step_was: int = 0
    events: list[tuple[object, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state_was = self.state
        self.lease_was = self.lease_number
        self.step_was = self.step

    @property
    def id_is(self) -> str:
        return self.id

    @property
    def has_next_step(self) -> bool:
        """True when the route goes on after this step."""
        return self.step + 1 < len(self.route.split())

    def go(self, cause: Cause, *, actor: str, at: int, code: str = "") -> None:
        """Follows one arrow and adds its event; raises ValueError for an arrow that isn't in the table."""
        way = arrow(State(self.state), cause)
        state = way.to.value
        self.events.append(
            (
                self.id,
                at,
                self.state,
                state,
                cause.value,
                actor,
                self.step,
                self.attempts,
                self.channel,
                code,
            )
        )
        self.state = state
        if way.next_step:
            self._next_step()
        self.news(at)

    def news(self, at: int) -> None:
        """Marks a change that an answer or a person would see."""
        self.version += 1
        self.changed_at = at

    def say(self, code: str, params: Mapping[str, object] | None = None, column: str = "") -> None:
        """Sets the reason that stands beside the state."""
        self.code, self.params, self.column = code, dump(params or {}), column

    def lease(self, owner: str, until: int) -> None:
        """Gives the consignment to one worker."""
        self.lease_number += 1
        self.lease_owner, self.lease_until = owner, until

    def free(self) -> None:
        """Ends the lease; whoever still holds its number is too late from now on."""
        self.lease_owner, self.lease_until = "", 0

    def _next_step(self) -> None:
        self.restart(self.step + 1)

    def restart(self, step: int) -> None:
        """Stands at the beginning of a step. A message id belongs to one step: each channel makes its own."""
        self.step = step
        self.channel = self.route.split()[step]
        self.message_id = None
        self.attempts = self.unknown_attempts = self.n_worker_losses = 0
        self.needs_person = False


def read_moves(connection: Connection, ids: Iterable[str], *conditions: Any) -> dict[str, Move]:
    """Reads and locks consignments by id (in one order everywhere, so that no two transactions block each
    other) and returns those that meet the conditions."""
    query = _LOCKED.where(among(connection, CONSIGNMENT.c.id, sorted(ids)), *conditions)
    return {row[0]: Move(*row) for row in connection.execute(query)}


def write_moves(connection: Connection, moves: Sequence[Move]) -> None:
    """Writes moves and their events; raises Conflict when a row is no longer what was read."""
    # Most moves stay on their step: a statement that doesn't name the channel leaves more indexes alone.
    staying = [move for move in moves if move.step == move.step_was]
    leaving = [move for move in moves if move.step != move.step_was]
    update_many(connection, _UPDATE, _WRITTEN_ON_STEP, staying)
    update_many(connection, _UPDATE, _WRITTEN, leaving)
    insert_many(connection, EVENT, [event for move in moves for event in move.events])


def stop_returning(connection: Connection, moves: Sequence[Move], at: int) -> None:
    """Lets what comes back to `ready` share the fate of a batch that a person has stopped meanwhile.

    The shared lock on the batch makes a simultaneous `hold` or `cancel` wait, or be seen.
    """
    back = [move for move in moves if move.state == State.READY]
    batch_ids = sorted({move.batch_id for move in back})
    if not batch_ids:
        return
    stopped = select(BATCH.c.id, BATCH.c.held_code, BATCH.c.released_at).where(BATCH.c.id.in_(batch_ids))
    rows = connection.execute(stopped.order_by(BATCH.c.id).with_for_update(read=True))
    codes = {row.id: row.held_code for row in rows if row.released_at is None}
    for move in back:
        code = codes.get(move.batch_id)
        if code == BATCH_CANCELLED:
            move.say(CANCELLED)
            move.go(Cause.CANCELLED, actor=HOUSE_ACTOR, at=at, code=CANCELLED)
        elif code == BATCH_HELD:
            move.say(BATCH_HELD)
            move.go(Cause.HELD, actor=HOUSE_ACTOR, at=at, code=BATCH_HELD)
