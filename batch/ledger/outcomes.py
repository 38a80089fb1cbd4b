"""Records what came of a slice: every outcome as its arrow, with receipts and events, in one transaction.

Relies on `batch.ledger.moves`. An outcome under an old lease number is handed back and has no effect. The
outcome's cause is the dispatch job's word; this module sees only to it that the word is possible. In
particular it trusts that a step whose earlier attempt is unknown is left only on the channel's clear answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from batch.ledger.engine import Conflict, among, insert_many
from batch.ledger.moments import to_micros
from batch.ledger.moves import Move, read_moves, stop_returning, write_moves
from batch.ledger.rations import forget
from batch.ledger.store import RECEIPT, Store, dump
from batch.ledger.waiting import NO_WAY_OPEN, explain_holds
from batch.records import Claim, Outcome
from schemas.consignments import Receipt
from schemas.states import Cause, State

RECEIPT_OF_ANOTHER = "ledger.receipt_of_another"
_TRIES = 3

_OWNERS = select(RECEIPT.c.channel, RECEIPT.c.external_id, RECEIPT.c.consignment_id)

_Owners = dict[tuple[str, str], str]  # (channel, external id) → consignment id


def record(store: Store, outcomes: Sequence[Outcome], actor: str) -> list[Claim]:
    """Records outcomes; returns the claims whose lease was lost. See `Ledger.record`.

    Two workers may bring the same receipt at the same moment: then the index refuses one of them, and it
    looks again.
    """
    for _ in range(_TRIES):
        try:
            return _record_once(store, outcomes, actor)
        except Conflict:
            continue
    raise Conflict


def onward(move: Move, cause: Cause, at_end: Cause = Cause.EXHAUSTED) -> Cause:
    """Returns the cause that really applies when a step is left: `at_end` when the route has no other."""
    return cause if move.has_next_step else at_end


def insert_receipt(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Inserts receipts made by `receipt_row`."""
    insert_many(connection, RECEIPT, rows)


def receipt_row(move: Move, receipt: Receipt) -> tuple[object, ...]:
    """Returns the row that keeps a receipt of the step the move stands at."""
    return (
        move.id,
        move.step,
        move.channel,
        external_id(move, receipt),
        to_micros(receipt.at),
        receipt.simulated,
        receipt.code,
        dump(receipt.proof),
    )


def external_id(move: Move, receipt: Receipt) -> str:
    """The id the other side knows the message by; our own where it gave none."""
    return receipt.external_id or move.message_id or move.id


def _record_once(store: Store, outcomes: Sequence[Outcome], actor: str) -> list[Claim]:
    at = store.micros()
    refused: list[Claim] = []
    moves: list[Move] = []
    receipts: list[tuple[object, ...]] = []
    with store.database.writing() as connection:
        leased = read_moves(connection, {outcome.claim.consignment.id for outcome in outcomes})
        owners = _receipt_owners(connection, leased, outcomes)
        for outcome in outcomes:
            move = leased.get(outcome.claim.consignment.id)
            if move is None or not _holds(move, outcome.claim):
                refused.append(outcome.claim)
                continue
            del leased[move.id]
            moves.append(move)
            receipts += _apply(move, outcome, owners, actor, at)
        explain_holds(connection, moves)
        forget(connection, [(outcome_channel, move.id) for move, outcome_channel in _not_taken(moves)])
        stop_returning(connection, moves, at)
        write_moves(connection, moves)
        insert_receipt(connection, receipts)
    return refused


def _not_taken(moves: Sequence[Move]) -> list[tuple[Move, str]]:
    """Returns what its channel clearly did not take, with that channel."""
    left = [move for move in moves if move.step != move.step_was]
    return [(move, move.route.split()[move.step_was]) for move in left] + [
        (move, move.channel) for move in moves if move.code == NO_WAY_OPEN
    ]


def _holds(move: Move, claim: Claim) -> bool:
    return bool(move.lease_owner) and move.lease_number == claim.lease_number


def _receipt_owners(connection: Connection, leased: dict[str, Move], outcomes: Sequence[Outcome]) -> _Owners:
    """Returns who has which of the external ids already."""
    wanted: dict[str, list[str]] = {}
    for outcome in outcomes:
        move = leased.get(outcome.claim.consignment.id)
        if outcome.receipt is not None and move is not None:
            wanted.setdefault(move.channel, []).append(external_id(move, outcome.receipt))
    owners: _Owners = {}
    for channel, ids in wanted.items():
        known = among(connection, RECEIPT.c.external_id, ids)
        query = _OWNERS.where(RECEIPT.c.channel == channel, known)
        owners.update(((row[0], row[1]), row[2]) for row in connection.execute(query))
    return owners


def _apply(move: Move, outcome: Outcome, owners: _Owners, actor: str, at: int) -> list[tuple[object, ...]]:
    """Changes one move by its outcome; returns the receipts to keep."""
    move.free()
    move.n_worker_losses = 0  # the worker lived to tell
    if outcome.cause in (Cause.ACCEPTED, Cause.FOUND):
        return _take_receipt(move, outcome, owners, actor, at)
    if outcome.cause is None:
        _stay(move, outcome, at)
    else:
        _turn(move, outcome, outcome.cause, actor, at)
    return []


def _take_receipt(
    move: Move, outcome: Outcome, owners: _Owners, actor: str, at: int
) -> list[tuple[object, ...]]:
    """Accepts on a receipt that is this consignment's own; another's receipt proves nothing."""
    receipt, cause = outcome.receipt, outcome.cause
    if receipt is None or cause is None:
        raise ValueError("acceptance without a receipt")
    key = (move.channel, external_id(move, receipt))
    if owners.setdefault(key, move.id) != move.id:
        _doubt_receipt(move, actor, at)
        return []
    move.say(receipt.code)
    move.needs_person = False
    row = receipt_row(move, receipt)
    move.go(cause, actor=actor, at=at, code=receipt.code)
    if receipt.final:
        move.go(Cause.CONFIRMED, actor=actor, at=at, code=receipt.code)
    return [row]


def _doubt_receipt(move: Move, actor: str, at: int) -> None:
    move.say(RECEIPT_OF_ANOTHER)
    move.needs_person = True
    move.unknown_attempts += 1
    if move.state == State.SENDING:
        move.go(Cause.LOST, actor=actor, at=at, code=RECEIPT_OF_ANOTHER)
    else:
        move.news(at)


def _stay(move: Move, outcome: Outcome, at: int) -> None:
    """A doubt that could not be cleared yet: the state stays, the next look is later."""
    if move.state != State.IN_DOUBT:
        raise ValueError(f"an outcome without a cause for {move.state}")
    _set_next(move, outcome, at)
    move.unknown_attempts += outcome.unknown
    if not outcome.burnt:
        move.attempts -= 1
    if outcome.needs_person or (outcome.code and outcome.code != move.code):
        move.needs_person = move.needs_person or outcome.needs_person
        move.say(outcome.code or move.code, outcome.params)
        move.news(at)


def _turn(move: Move, outcome: Outcome, cause: Cause, actor: str, at: int) -> None:
    """Follows the arrow of an outcome that brought no receipt."""
    if cause is Cause.REROUTED and outcome.unknown:
        raise ValueError("a step is never left while its outcome is unknown")
    step = move.step
    cause = onward(move, cause, outcome.at_end) if cause is Cause.REROUTED else cause
    move.say(outcome.code, outcome.params)
    move.go(cause, actor=actor, at=at, code=outcome.code)
    _set_next(move, outcome, at)
    if cause is Cause.NO_WAY:
        move.say(NO_WAY_OPEN)
        return
    if move.step != step:
        return  # the next channel starts afresh
    if not outcome.burnt:
        move.attempts -= 1
    # A conflict that asking can't clear says that this attempt was not taken, unless it says otherwise.
    asked_in_vain = cause is Cause.LOST and not outcome.needs_person
    move.unknown_attempts += outcome.unknown or asked_in_vain
    move.needs_person = outcome.needs_person and move.state == State.IN_DOUBT


def _set_next(move: Move, outcome: Outcome, at: int) -> None:
    move.next_attempt_at = at if outcome.retry_at is None else to_micros(outcome.retry_at)
