"""Both ledgers: what people decide, and that it holds for what comes back later."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from batch.records import Outcome
from schemas.errors import BadInput
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, CPRS, LedgerHouse


def test_releasing_a_batch_lifts_its_hold_and_not_the_rows_own(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3, held_code="batch.wrong_total", codes={3: "document.other_cpr"})
    assert ledgers.ledger.release(batch_id, actor="drift", reason="aftalt") == 2
    assert ledgers.counts(batch_id) == {State.READY: 2, State.HELD: 1}
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert summary.released_at == ledgers.clock()
    assert ledgers.ledger.release(batch_id, actor="drift", rows=True) == 1
    assert ledgers.counts(batch_id) == {State.READY: 3}


def test_releasing_a_row_leaves_the_others(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2, held_code="batch.wrong_total")
    assert ledgers.ledger.release(f"{batch_id}-00003", actor="drift") == 1
    standing = ledgers.ledger.standing(f"{batch_id}-00003")
    assert standing is not None
    assert (standing.state, standing.code) == (State.READY, "")
    assert standing.history[0].code == "batch.wrong_total"
    assert ledgers.counts(batch_id) == {State.READY: 1, State.HELD: 1}


def test_a_batch_on_hold_gives_nothing_and_keeps_what_comes_back(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3)
    (claim,) = ledgers.claim(1)
    assert ledgers.ledger.hold(batch_id, actor="drift", reason="vent") == 2
    ledgers.record(Outcome(claim, Cause.DEFERRED, "smtp.451"))
    assert ledgers.counts(batch_id) == {State.HELD: 3}
    assert ledgers.claim() == []
    assert ledgers.ledger.release(batch_id, actor="drift") == 3
    assert len(ledgers.claim()) == 3


def test_a_row_on_hold_stays_when_its_batch_is_released(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    assert ledgers.ledger.hold(f"{batch_id}-00002", actor="drift", reason="") == 1
    ledgers.ledger.hold(batch_id, actor="drift", reason="")
    assert ledgers.ledger.release(batch_id, actor="drift") == 1
    assert ledgers.state(f"{batch_id}-00002") is State.HELD


def test_cancelling_a_batch_ends_what_waits_and_what_comes_back(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(5, codes={4: "document.other_cpr"})
    back, there, doubtful = ledgers.claim(3)
    assert ledgers.ledger.cancel(batch_id, actor="drift", reason="forkert fil") == 2
    ledgers.record(
        Outcome(back, Cause.DEFERRED, "smtp.451"),
        Outcome(there, Cause.ACCEPTED, receipt=ledgers.receipt(there, final=True)),
        Outcome(doubtful, Cause.LOST, "eboks.no_answer"),
    )
    assert ledgers.counts(batch_id) == {State.CANCELLED: 3, State.DELIVERED: 1, State.IN_DOUBT: 1}
    (doubt,) = ledgers.doubts()
    ledgers.record(Outcome(doubt, Cause.NOT_FOUND))
    assert ledgers.counts(batch_id) == {State.CANCELLED: 4, State.DELIVERED: 1}


def test_what_is_on_its_way_or_over_is_not_cancelled(ledgers: LedgerHouse) -> None:
    ledgers.add(2)
    sending, done = ledgers.claim()
    ledgers.accept([done], final=True)
    for claim in (sending, done):
        assert ledgers.ledger.cancel(claim.consignment.id, actor="drift", reason="") == 0
    assert ledgers.state(sending.consignment.id) is State.SENDING


@pytest.mark.parametrize("verb", ["release", "hold", "cancel"])
def test_an_unknown_subject_is_said(ledgers: LedgerHouse, verb: str) -> None:
    with pytest.raises(BadInput, match=r"ledger\.unknown_subject"):
        getattr(ledgers.ledger, verb)("nothing", actor="drift", reason="")


def _doubt(house: LedgerHouse) -> str:
    house.add(1)
    (claim,) = house.claim(1)
    house.record(Outcome(claim, Cause.LOST, "eboks.no_answer"))
    return claim.consignment.id


def test_found_by_a_person_is_delivered_with_a_receipt_that_says_so(ledgers: LedgerHouse) -> None:
    consignment_id = _doubt(ledgers)
    ledgers.ledger.resolve(consignment_id, "found", actor="drift", reason="set i e-Boks")
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert (standing.state, standing.code) == (State.DELIVERED, "ledger.resolved_by_person")
    assert standing.receipt is not None
    assert standing.receipt.external_id == standing.message_id
    assert standing.receipt.proof == {"resolved_by": "drift"}


def test_found_may_wait_for_the_channels_later_word(ledgers: LedgerHouse) -> None:
    consignment_id = _doubt(ledgers)
    ledgers.ledger.resolve(consignment_id, "found", actor="drift", reason="", final=False)
    assert ledgers.state(consignment_id) is State.ACCEPTED
    assert len(ledgers.ledger.awaiting(CHANNEL, 5)) == 1


def test_not_found_goes_again_and_written_off_fails(ledgers: LedgerHouse) -> None:
    first, second = _doubt(ledgers), _doubt(ledgers)
    ledgers.ledger.resolve(first, "not_found", actor="drift", reason="")
    ledgers.ledger.resolve(second, "written_off", actor="drift", reason="")
    assert ledgers.state(first) is State.READY
    standing = ledgers.ledger.standing(second)
    assert standing is not None
    assert (standing.state, standing.code) == (State.FAILED, "ledger.written_off")


def test_a_worker_that_was_asking_comes_too_late(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    ledgers.claim()
    ledgers.ledger.recover(lambda owner: True)
    (doubt,) = ledgers.doubts()
    ledgers.ledger.resolve(doubt.consignment.id, "written_off", actor="drift", reason="")
    assert ledgers.record(Outcome(doubt, Cause.NOT_FOUND)) == [doubt]
    assert ledgers.state(doubt.consignment.id) is State.FAILED


def test_only_a_doubt_can_be_resolved(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    with pytest.raises(BadInput) as refused:
        ledgers.ledger.resolve(f"{batch_id}-00002", "found", actor="drift", reason="")
    assert (refused.value.code, refused.value.params) == ("ledger.not_in_doubt", {"state": "ready"})
    with pytest.raises(BadInput, match=r"ledger\.unknown_subject"):
        ledgers.ledger.resolve("nothing", "found", actor="drift", reason="")


def test_a_large_batch_is_released_whole(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1201, held_code="batch.too_many_bad")
    assert ledgers.ledger.release(batch_id, actor="drift") == 1201
    assert ledgers.counts(batch_id) == {State.READY: 1201}


def test_a_number_in_a_reason_is_masked_for_good(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    ledgers.ledger.hold(batch_id, actor="drift", reason=f"{CPRS[0]} er rejst, ring til 12345678")
    with ledgers.ledger._store.database.reading() as connection:
        (reason,) = connection.scalars(text("SELECT reason FROM act"))
    assert reason == f"{CPRS[0][:6]}-•••• er rejst, ring til 12345678"
