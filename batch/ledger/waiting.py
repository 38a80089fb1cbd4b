"""Looks after what no channel may take now: keeps the reasons, shows it for another look, lets it go again.

Relies on `batch.ledger.moves`. Asks no channel and plans no route: `jobs.look_again` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from batch.ledger.loading import LOAD_COLUMNS, read_documents, split_row, try_to_build
from batch.ledger.moves import Move, read_moves, stop_returning, write_moves
from batch.ledger.store import CONSIGNMENT, EVENT, RECEIPT, Store, chunks, in_state
from batch.records import Waiting
from schemas.states import Cause, State

NO_WAY_OPEN = "route.no_way_open"
_WAITS: ColumnElement[bool] = CONSIGNMENT.c.code == NO_WAY_OPEN


def explain_holds(connection: Connection, moves: Sequence[Move]) -> None:
    """Puts the reason of every step beside what is held because its route had no way."""
    held = {move.id: move for move in moves if move.state == State.HELD and move.code == NO_WAY_OPEN}
    for part in chunks(held):
        latest = (
            select(func.max(EVENT.c.id))
            .where(EVENT.c.consignment_id.in_(part), EVENT.c.cause == Cause.REROUTED.value)
            .group_by(EVENT.c.consignment_id, EVENT.c.step)
        )
        query = select(EVENT.c.consignment_id, EVENT.c.step, EVENT.c.channel, EVENT.c.code)
        reasons: dict[str, dict[int, str]] = {}
        for consignment_id, step, channel, code in connection.execute(query.where(EVENT.c.id.in_(latest))):
            reasons.setdefault(consignment_id, {})[step] = f"{channel}: {code}"
        for consignment_id in part:
            _say_reasons(held[consignment_id], reasons.get(consignment_id, {}))


def waiting(store: Store, looked_before: int, limit: int) -> list[Waiting]:
    """Returns what waits for a way and was last looked at before a moment, the longest ago first."""
    query = select(*LOAD_COLUMNS).where(in_state(State.HELD), _WAITS)
    query = query.where(CONSIGNMENT.c.next_attempt_at < looked_before)
    oldest = query.order_by(CONSIGNMENT.c.next_attempt_at, CONSIGNMENT.c.id).limit(limit)
    with store.database.reading() as connection:
        split = [split_row(row) for row in connection.execute(oldest)]
        ids = [move.id for move, _ in split]
        documents, used = read_documents(connection, ids), used_steps(connection, ids)
    built = (try_to_build(store, move, beside, documents) for move, beside in split)
    return [Waiting(one, frozenset(used.get(one.id, ()))) for one in built if one is not None]


def used_steps(connection: Connection, ids: Sequence[str]) -> dict[str, set[int]]:
    """Returns the steps at which a channel had taken a consignment: going there again would be twice."""
    used: dict[str, set[int]] = {}
    for part in chunks(ids):
        query = select(RECEIPT.c.consignment_id, RECEIPT.c.step).where(RECEIPT.c.consignment_id.in_(part))
        for consignment_id, step in connection.execute(query):
            used.setdefault(consignment_id, set()).add(step)
    return used


def reopen(store: Store, looked_at: Mapping[str, int | None], actor: str) -> int:
    """Lets go what has a way again; the value is the step to begin at, None for what still has none.

    Returns how many may go. What a person has moved meanwhile stays where it is.
    """
    at = store.micros()
    with store.database.writing() as connection:
        moves = read_moves(connection, looked_at, in_state(State.HELD), _WAITS)
        opened = []
        for move in moves.values():
            move.next_attempt_at = at
            step = looked_at[move.id]
            if step is not None:
                let_go(move, step, actor, at)
                opened.append(move)
        stop_returning(connection, opened, at)
        write_moves(connection, list(moves.values()))
    return len(opened)


def first_step(connection: Connection, move: Move) -> int:
    """Returns where a consignment that waits for a way begins again when a person lets it go."""
    used = used_steps(connection, [move.id]).get(move.id, set())
    return next((step for step in range(len(move.route.split())) if step not in used), move.step)


def let_go(move: Move, step: int, actor: str, at: int) -> None:
    """Releases a consignment that waits for a way, at a step of its route."""
    held_for = move.code
    move.say("")
    move.next_attempt_at = at
    move.restart(step)
    move.go(Cause.RELEASED, actor=actor, at=at, code=held_for)


def _say_reasons(move: Move, reasons: Mapping[int, str]) -> None:
    own = f"{move.channel}: {move.events[-1][-1]}"
    said = [reasons[step] for step in sorted(reasons) if step < move.step]
    move.say(NO_WAY_OPEN, {"reasons": "; ".join([*said, own])})
