"""Does what people ask for: release, hold, cancel, resolve, pause, resume; each kept as an act of its actor.

Relies on `batch.ledger.moves`. Pressing the same button twice, or two people at once, has one effect: a
batch's row is locked first, and only what is still in the right state moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, delete, select, true, update

from batch.ledger.engine import CHUNK, insert_many, insert_unless_there
from batch.ledger.moments import from_micros
from batch.ledger.moves import (
    BATCH_CANCELLED,
    BATCH_HELD,
    CANCELLED,
    Move,
    read_moves,
    stop_returning,
    write_moves,
)
from batch.ledger.outcomes import insert_receipt, receipt_row
from batch.ledger.store import ACT, BATCH, CONSIGNMENT, PAUSE, RECEIPT, Store
from batch.ledger.waiting import NO_WAY_OPEN, first_step, let_go
from batch.records import Pause
from schemas.consignments import Receipt
from schemas.errors import BadInput
from schemas.identity import mask_numbers
from schemas.states import Cause, State

Verdict = Literal["found", "not_found", "written_off"]

ROW_HELD = "ledger.held_by_person"
RESOLVED = "ledger.resolved_by_person"
WRITTEN_OFF = "ledger.written_off"


def release(store: Store, subject: str, actor: str, reason: str, rows: bool) -> int:
    """Lets a held batch or consignment go; see `Ledger.release`."""
    at = store.micros()

    def change(move: Move) -> None:
        if move.code == NO_WAY_OPEN:
            let_go(move, first_step(connection, move), actor, at)
            return
        held_for = move.code
        move.say("")
        move.next_attempt_at = at
        move.go(Cause.RELEASED, actor=actor, at=at, code=held_for)

    with store.database.writing() as connection:
        batch = _lock_subject(connection, subject)
        which: ColumnElement[bool] = true()
        if batch is not None:
            which = true() if rows else CONSIGNMENT.c.code.in_([batch.held_code or BATCH_HELD, BATCH_HELD])
            _lift_hold(connection, batch, actor, at)
        changed = _change(connection, subject, batch, change, State.HELD, which)
        _keep_act(connection, at, actor, "release", subject, reason, changed)
    return changed


def hold(store: Store, subject: str, actor: str, reason: str) -> int:
    """Stops a batch or consignment before it is sent; see `Ledger.hold`."""
    at = store.micros()
    with store.database.writing() as connection:
        batch = _lock_subject(connection, subject)
        code = ROW_HELD if batch is None else BATCH_HELD

        def change(move: Move) -> None:
            move.say(code)
            move.go(Cause.HELD, actor=actor, at=at, code=code)

        if batch is not None and not _is_held(batch):
            _set_hold(connection, batch.id, BATCH_HELD)
        changed = _change(connection, subject, batch, change, State.READY)
        _keep_act(connection, at, actor, "hold", subject, reason, changed)
    return changed


def cancel(store: Store, subject: str, actor: str, reason: str) -> int:
    """Ends a batch or consignment before it is sent; see `Ledger.cancel`."""
    at = store.micros()

    def change(move: Move) -> None:
        move.say(CANCELLED)
        move.go(Cause.CANCELLED, actor=actor, at=at, code=CANCELLED)

    with store.database.writing() as connection:
        batch = _lock_subject(connection, subject)
        if batch is not None:
            _set_hold(connection, batch.id, BATCH_CANCELLED)
        changed = _change(connection, subject, batch, change, State.HELD)
        changed += _change(connection, subject, batch, change, State.READY)
        _keep_act(connection, at, actor, "cancel", subject, reason, changed)
    return changed


def resolve(
    store: Store, consignment_id: str, verdict: Verdict, actor: str, reason: str, final: bool
) -> None:
    """Ends a doubt by a person's word; see `Ledger.resolve`."""
    at = store.micros()
    with store.database.writing() as connection:
        move = read_moves(connection, [consignment_id]).get(consignment_id)
        if move is None:
            raise BadInput("ledger.unknown_subject")
        if move.state != State.IN_DOUBT:
            raise BadInput("ledger.not_in_doubt", state=move.state)
        move.free()  # a worker that is asking right now comes too late
        move.needs_person = False
        move.n_worker_losses = 0
        _judge(store, connection, move, verdict, actor, at, final)
        stop_returning(connection, [move], at)
        write_moves(connection, [move])
        _keep_act(connection, at, actor, f"resolve {verdict}", consignment_id, reason, 1)


def pause(store: Store, channel: str, code: str, actor: str) -> None:
    """Pauses a channel; one that is paused already keeps its first reason."""
    at = store.micros()
    with store.database.writing() as connection:
        row = {"channel": channel, "code": code, "actor": actor, "at": at}
        new = insert_unless_there(connection, PAUSE, row)
        _keep_act(connection, at, actor, "pause", channel, code, int(new))


def resume(store: Store, channel: str, actor: str) -> bool:
    """Lets a paused channel run again; says whether it was paused."""
    at = store.micros()
    with store.database.writing() as connection:
        gone = connection.execute(delete(PAUSE).where(PAUSE.c.channel == channel)).rowcount
        _keep_act(connection, at, actor, "resume", channel, "", gone)
    return gone > 0


def note_act(store: Store, verb: str, subject: str, actor: str, reason: str) -> None:
    """Keeps what a person did elsewhere; see `Ledger.note_act`."""
    with store.database.writing() as connection:
        _keep_act(connection, store.micros(), actor, verb, subject, reason, 1)


def pauses(store: Store) -> list[Pause]:
    """Returns the paused channels by name."""
    with store.database.reading() as connection:
        rows = connection.execute(select(PAUSE).order_by(PAUSE.c.channel)).all()
    return [Pause(row.channel, row.code, row.actor, from_micros(row.at)) for row in rows]


def _judge(
    store: Store, connection: Connection, move: Move, verdict: Verdict, actor: str, at: int, final: bool
) -> None:
    if verdict == "written_off":
        move.say(WRITTEN_OFF)
        move.go(Cause.WRITTEN_OFF, actor=actor, at=at, code=WRITTEN_OFF)
    elif verdict == "not_found":
        move.say("")
        move.next_attempt_at = at
        move.go(Cause.NOT_FOUND, actor=actor, at=at, code=RESOLVED)
    else:
        move.say(RESOLVED)
        insert_receipt(connection, [_word_of_person(store, connection, move, actor)])
        move.go(Cause.FOUND, actor=actor, at=at, code=RESOLVED)
        if final:
            move.go(Cause.CONFIRMED, actor=actor, at=at, code=RESOLVED)


def _word_of_person(store: Store, connection: Connection, move: Move, actor: str) -> tuple[object, ...]:
    """The receipt that a person vouches for: it says so, and bears our own message id."""
    own_id = move.message_id or move.id
    taken = select(RECEIPT.c.consignment_id).where(
        RECEIPT.c.channel == move.channel, RECEIPT.c.external_id == own_id
    )
    free_id = own_id if connection.scalar(taken) is None else move.id
    proof = {"resolved_by": actor}
    return receipt_row(move, Receipt(move.channel, free_id, store.now(), True, proof, code=RESOLVED))


def _lock_subject(connection: Connection, subject: str) -> Any:
    """Returns the batch's row, locked; None when the subject is a consignment, BadInput when neither."""
    batch = connection.execute(select(BATCH).where(BATCH.c.id == subject).with_for_update()).first()
    if batch is None:
        known = connection.scalar(select(CONSIGNMENT.c.id).where(CONSIGNMENT.c.id == subject))
        if known is None:
            raise BadInput("ledger.unknown_subject")
    return batch


def _is_held(batch: Any) -> bool:
    return bool(batch.held_code) and batch.released_at is None


def _set_hold(connection: Connection, batch_id: str, code: str) -> None:
    values = {"held_code": code, "held_params": "{}", "released_at": None, "released_by": ""}
    connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(values))


def _lift_hold(connection: Connection, batch: Any, actor: str, at: int) -> None:
    if _is_held(batch):
        lifted = {"released_at": at, "released_by": actor}
        connection.execute(update(BATCH).where(BATCH.c.id == batch.id).values(lifted))


def _change(
    connection: Connection,
    subject: str,
    batch: Any,
    change: Callable[[Move], None],
    state: State,
    which: ColumnElement[bool] | None = None,
) -> int:
    """Changes what of a subject is in `state`, in parts, so that memory stays flat; returns how many."""
    conditions = [CONSIGNMENT.c.state == state.value, true() if which is None else which]
    pages = [[subject]] if batch is None else _pages(connection, subject, conditions)
    n_changed = 0
    for ids in pages:
        moves = list(read_moves(connection, ids, *conditions).values())
        for move in moves:
            change(move)
        write_moves(connection, moves)
        n_changed += len(moves)
    return n_changed


def _pages(
    connection: Connection, batch_id: str, conditions: list[ColumnElement[bool]]
) -> Iterator[list[str]]:
    last = -1
    while True:
        query = select(CONSIGNMENT.c.id, CONSIGNMENT.c.line).where(
            CONSIGNMENT.c.batch_id == batch_id, CONSIGNMENT.c.line > last, *conditions
        )
        rows = connection.execute(query.order_by(CONSIGNMENT.c.line).limit(CHUNK)).all()
        if not rows:
            return
        yield [row.id for row in rows]
        last = rows[-1].line


def _keep_act(
    connection: Connection, at: int, actor: str, verb: str, subject: str, reason: str, n_changed: int
) -> None:
    # The reason is a person's own words and is kept for good: no number may stand in it.
    insert_many(connection, ACT, [(at, actor, verb, subject, mask_numbers(reason), n_changed)])
