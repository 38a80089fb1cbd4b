"""Two operators press the same button at the same moment: one effect (facts/trust.md, 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import func, select

from batch.ledger import Ledger
from batch.ledger.store import EVENT
from batch.records import Outcome
from schemas.errors import BadInput
from schemas.states import Cause, State
from tests.rigs.ledgers import LedgerHouse

ROUNDS = 12


def _both(house: LedgerHouse, press: Callable[[Ledger], int]) -> list[int]:
    """Presses on two ledgers at once; returns what each was told."""
    ledgers = house.opened if len(house.opened) > 1 else [house.ledger, house.open()]
    start = threading.Barrier(2)
    told: list[int] = []

    def run(ledger: Ledger) -> None:
        start.wait()
        told.append(press(ledger))

    hands = [threading.Thread(target=run, args=(ledger,)) for ledger in ledgers[:2]]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    return sorted(told)


def _n_events(house: LedgerHouse, batch_id: str) -> int:
    with house.ledger._store.database.reading() as connection:
        mine = EVENT.c.consignment_id.like(f"{batch_id}-%")
        return connection.scalar(select(func.count()).select_from(EVENT).where(mine)) or 0


def test_releasing_twice_at_once_releases_once(ledgers: LedgerHouse) -> None:
    for _ in range(ROUNDS):
        batch_id = ledgers.add(6, held_code="batch.too_many_bad")
        told = _both(ledgers, lambda ledger, b=batch_id: ledger.release(b, actor="drift"))  # type: ignore[misc]
        assert told == [0, 6]
        assert _n_events(ledgers, batch_id) == 6
        assert ledgers.counts(batch_id) == {State.READY: 6}


def test_cancelling_one_row_twice_at_once_cancels_once(ledgers: LedgerHouse) -> None:
    for _ in range(ROUNDS):
        batch_id = ledgers.add(1)
        row = f"{batch_id}-00002"
        told = _both(ledgers, lambda ledger, r=row: ledger.cancel(r, actor="drift", reason=""))  # type: ignore[misc]
        assert told == [0, 1]
        assert _n_events(ledgers, batch_id) == 1


def test_hold_and_cancel_at_once_end_cancelled_without_a_lost_row(ledgers: LedgerHouse) -> None:
    for _ in range(ROUNDS):
        batch_id = ledgers.add(6)
        presses = iter(["hold", "cancel"])
        _both(
            ledgers,
            lambda ledger, b=batch_id, p=presses: getattr(ledger, next(p))(b, actor="drift", reason=""),  # type: ignore[misc]
        )
        assert ledgers.counts(batch_id) == {State.CANCELLED: 6}


def test_a_claim_and_a_cancel_at_once_leave_every_row_to_one_of_them(ledgers: LedgerHouse) -> None:
    for _ in range(ROUNDS):
        batch_id = ledgers.add(6)
        presses = iter(["claim", "cancel"])

        def press(ledger: Ledger, b: str = batch_id, p: object = presses) -> int:
            if next(p) == "cancel":  # type: ignore[call-overload]
                return ledger.cancel(b, actor="drift", reason="")
            return len(ledger.claim("eboks", 6, owner="w", lease_seconds=60, name_id=str))

        told = _both(ledgers, press)
        counts = ledgers.counts(batch_id)
        assert sum(told) == 6
        assert counts.get(State.SENDING, 0) + counts.get(State.CANCELLED, 0) == 6
        assert _n_events(ledgers, batch_id) == 6


def test_resolving_twice_at_once_resolves_once(ledgers: LedgerHouse) -> None:
    for _ in range(ROUNDS):
        ledgers.add(1)
        (claim,) = ledgers.claim()
        ledgers.record(Outcome(claim, Cause.LOST, "eboks.no_answer"))
        row = claim.consignment.id

        def press(ledger: Ledger, row: str = row) -> int:
            try:
                ledger.resolve(row, "written_off", actor="drift", reason="")
            except BadInput as refused:
                assert refused.code == "ledger.not_in_doubt"
                return 0
            return 1

        assert _both(ledgers, press) == [0, 1]
        assert ledgers.state(row) is State.FAILED
