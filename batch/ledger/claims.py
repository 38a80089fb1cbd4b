"""Gives workers their slices: what is due becomes `sending` under a lease; doubts are leased as they are.

Relies on `batch.ledger.moves`. Two workers never get the same consignment: SQLite has one writer at a time,
on PostgreSQL locked rows are skipped. A row that can't be opened is set aside and stops no other. Also takes
leases back from the dead. Records no outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, union

from batch.ledger.loading import LOAD_COLUMNS, read_documents, split_row, try_to_build
from batch.ledger.moves import HOUSE_ACTOR, MOVE_COLUMNS, Move, write_moves
from batch.ledger.rations import allot
from batch.ledger.store import CONSIGNMENT, LEASED, PAUSE, Store, in_state
from batch.records import Claim, Ration
from schemas.consignments import Consignment
from schemas.errors import ConfigurationError
from schemas.states import Cause, State

SUSPECT_LOSSES = 2
"""From so many losses in a row on, a consignment is sent alone: then a dead worker accuses only itself."""

LOSSES_TO_PARK = 5
"""facts/trust.md, scenario 5: a poison document is parked after five tries."""

UNREADABLE = "ledger.row_unreadable"
WORKER_LOST = "ledger.worker_lost"
WORKER_LOST_TOO_OFTEN = "ledger.worker_lost_too_often"

_SECOND = 1_000_000
_OLDEST = (
    select(*LOAD_COLUMNS)
    .order_by(CONSIGNMENT.c.next_attempt_at, CONSIGNMENT.c.id)
    .with_for_update(skip_locked=True)
)


def claim(
    store: Store,
    channel: str,
    limit: int,
    lease_of: tuple[str, float],
    name_id: Callable[[str], str],
    ration: Ration | None,
) -> list[Claim]:
    """Takes what is ready and due, the oldest first; `lease_of` is the owner and the lease's seconds."""
    at = store.micros()
    with store.database.writing() as connection:
        taken = _open_slice(store, connection, channel, limit, _ready_at(channel, at))
        for move, consignment in taken:
            if consignment is None:
                move.say(UNREADABLE)
                move.go(Cause.HELD, actor=HOUSE_ACTOR, at=at, code=UNREADABLE)
                continue
            move.message_id = move.message_id or name_id(consignment.seed)
            _lease(move, lease_of, at)
            move.go(Cause.CLAIMED, actor=lease_of[0], at=at)
        write_moves(connection, [move for move, _ in taken])
        opened = [consignment for _, consignment in taken if consignment is not None]
        over = allot(store, connection, channel, opened, ration, at) if ration else frozenset()
    return _claims(taken, doubtful=False, over=over)


def claim_doubts(store: Store, channel: str, limit: int, lease_of: tuple[str, float]) -> list[Claim]:
    """Takes what is in doubt and may be asked about now; the state stays, only the lease is given."""
    at = store.micros()
    with store.database.writing() as connection:
        taken = _open_slice(store, connection, channel, limit, _doubtful_at(channel, at))
        for move, consignment in taken:
            if consignment is None:
                move.say(UNREADABLE)
                move.needs_person = True
                move.news(at)
                continue
            _lease(move, lease_of, at)
        write_moves(connection, [move for move, _ in taken])
    return _claims(taken, doubtful=True)


def recover(store: Store, is_dead: Callable[[str], bool]) -> int:
    """Takes leases back that are expired or whose owner is dead; what was being sent is in doubt from now on.

    Returns how many consignments were taken back. Each owner is asked about once, outside any transaction.
    """
    at = store.micros()
    with store.database.reading() as connection:
        owners = connection.scalars(select(CONSIGNMENT.c.lease_owner).where(LEASED).distinct()).all()
    dead = [owner for owner in owners if is_dead(owner)]
    gone = or_(CONSIGNMENT.c.lease_owner.in_(dead), CONSIGNMENT.c.lease_until < at)
    query = select(*MOVE_COLUMNS).where(LEASED, gone).order_by(CONSIGNMENT.c.id)
    with store.database.writing() as connection:
        rows = connection.execute(query.with_for_update(skip_locked=True))
        moves = [Move(*row) for row in rows]
        company = Counter((move.lease_owner, move.channel) for move in moves)
        for move in moves:
            _lose(move, at, alone=company[move.lease_owner, move.channel] == 1)
        write_moves(connection, moves)
    return len(moves)


def count_due(store: Store, channel: str) -> int:
    """Returns how many consignments of a channel a worker could take now, ready ones and doubts."""
    at = store.micros()
    with store.database.reading() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(CONSIGNMENT).where(*conditions)) or 0
            for conditions in (_ready_at(channel, at), _doubtful_at(channel, at))
        ]
    return sum(counts)


def next_due(store: Store, channel: str) -> int | None:
    """Returns the earliest stored time at which a worker finds something; None when nothing waits."""
    first = func.min(CONSIGNMENT.c.next_attempt_at)
    with store.database.reading() as connection:
        found = [
            connection.scalar(select(first).where(*conditions))
            for conditions in (_ready_at(channel, None), _doubtful_at(channel, None))
        ]
    return min((at for at in found if at is not None), default=None)


def channels_in_use(store: Store) -> list[str]:
    """Returns the channels that some unfinished consignment stands at, sorted; held ones don't count."""
    channel = select(CONSIGNMENT.c.channel)
    parts = [channel.where(in_state(state)) for state in (State.READY, State.IN_DOUBT, State.ACCEPTED)]
    with store.database.reading() as connection:
        return sorted(connection.scalars(union(*parts, channel.where(LEASED))))


def _ready_at(channel: str, at: int | None) -> list[ColumnElement[bool]]:
    conditions = [CONSIGNMENT.c.channel == channel, in_state(State.READY)]
    return conditions if at is None else [*conditions, CONSIGNMENT.c.next_attempt_at <= at]


def _doubtful_at(channel: str, at: int | None) -> list[ColumnElement[bool]]:
    conditions = [
        CONSIGNMENT.c.channel == channel,
        in_state(State.IN_DOUBT),
        CONSIGNMENT.c.needs_person.is_(False),
        CONSIGNMENT.c.lease_owner == "",
    ]
    return conditions if at is None else [*conditions, CONSIGNMENT.c.next_attempt_at <= at]


def _open_slice(
    store: Store, connection: Connection, channel: str, limit: int, conditions: Sequence[ColumnElement[bool]]
) -> list[tuple[Move, Consignment | None]]:
    """Locks and opens up to `limit` consignments; None for one whose sealed values can't be opened.

    When not one of several opens, the keys are wrong and not the rows: ConfigurationError, nothing changed.
    A paused channel gives nothing.
    """
    if connection.scalar(select(PAUSE.c.channel).where(PAUSE.c.channel == channel)) is not None:
        return []
    oldest = _OLDEST.where(*conditions).limit(limit)
    rows = _without_suspects(connection.execute(oldest).all())
    documents = read_documents(connection, [row.id for row in rows])
    split = [split_row(row) for row in rows]
    taken = [(move, try_to_build(store, move, beside, documents)) for move, beside in split]
    if len(taken) > 1 and all(consignment is None for _, consignment in taken):
        raise ConfigurationError("keys.unreadable")
    return taken


def _without_suspects(rows: Sequence[Any]) -> Sequence[Any]:
    """Returns the first row alone when workers died with it in hand, else the rows before such a one."""
    for n, row in enumerate(rows):
        if row.n_worker_losses >= SUSPECT_LOSSES:
            return rows[: max(n, 1)]
    return rows


def _lease(move: Move, lease_of: tuple[str, float], at: int) -> None:
    owner, seconds = lease_of
    move.attempts += 1
    move.lease(owner, at + int(seconds * _SECOND))


def _claims(
    taken: list[tuple[Move, Consignment | None]], *, doubtful: bool, over: Container[str] = ()
) -> list[Claim]:
    return [
        Claim(
            consignment,
            move.message_id or "",
            move.lease_number,
            doubtful,
            move.unknown_attempts,
            move.id in over,
        )
        for move, consignment in taken
        if consignment is not None
    ]


def _lose(move: Move, at: int, *, alone: bool) -> None:
    """Puts a dead worker's consignment in doubt; one that was lost too often alone waits for a person.

    A loss in company makes a suspect at most: any of the slice may have been the cause.
    """
    losses = move.n_worker_losses + 1
    move.n_worker_losses = losses if alone else max(move.n_worker_losses, min(losses, SUSPECT_LOSSES))
    move.free()
    move.unknown_attempts += 1
    parked = move.n_worker_losses >= LOSSES_TO_PARK
    code = WORKER_LOST_TOO_OFTEN if parked else WORKER_LOST
    move.say(code, {"n_losses": move.n_worker_losses} if parked else None)
    move.needs_person = parked
    # One that was lost alone lets the others go first.
    pause = 2 ** (move.n_worker_losses - SUSPECT_LOSSES) if move.n_worker_losses > SUSPECT_LOSSES else 0
    move.next_attempt_at = at + pause * _SECOND
    if move.state == State.SENDING:
        move.go(Cause.LOST, actor=HOUSE_ACTOR, at=at, code=code)
    else:
        move.news(at)
