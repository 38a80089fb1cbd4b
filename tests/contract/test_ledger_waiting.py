"""Both databases: what no channel may take waits with its reasons, is looked at again, and goes."""

from __future__ import annotations

import pytest

from batch.records import Outcome
from schemas.consignments import Receipt, ReceiptEvent, ReceiptKind
from schemas.states import Cause, State
from tests.rigs.ledgers import OWNER, LedgerHouse

WAIT = {"at_end": Cause.NO_WAY}


def _claim(house: LedgerHouse, channel: str):
    return house.ledger.claim(
        channel, 10, owner=OWNER, lease_seconds=60, name_id=lambda seed: f"{channel}-{seed}"
    )


def _leave(house: LedgerHouse, channel: str, code: str, **change):
    outcomes = [
        Outcome(claim, Cause.REROUTED, code, **{**WAIT, **change}) for claim in _claim(house, channel)
    ]
    assert house.ledger.record(outcomes, actor="brevdue") == []


def _wait_at_the_end(house: LedgerHouse) -> str:
    house.add(1, route=("eboks", "smime"))
    _leave(house, "eboks", "eboks.not_enrolled")
    _leave(house, "smime", "smime.no_certificate")
    return house.ledger.waiting(house.clock.wait(1), 10)[0].consignment.id


def test_it_is_held_with_the_reason_of_every_step(ledgers: LedgerHouse) -> None:
    standing = ledgers.ledger.standing(_wait_at_the_end(ledgers))
    assert (standing.state, standing.code) == (State.HELD, "route.no_way_open")
    assert standing.params == {"reasons": "eboks: eboks.not_enrolled; smime: smime.no_certificate"}
    assert [event.cause for event in standing.history][-1] is Cause.NO_WAY


def test_without_the_wish_to_wait_it_fails_as_ever(ledgers: LedgerHouse) -> None:
    ledgers.add(1, route=("eboks",))
    _leave(ledgers, "eboks", "eboks.not_enrolled", at_end=Cause.EXHAUSTED)
    assert ledgers.ledger.waiting(ledgers.clock.wait(1), 10) == []
    assert ledgers.ledger.batches()[0].counts == {State.FAILED: 1}


def test_what_has_no_way_yet_is_looked_at_once_a_round(ledgers: LedgerHouse) -> None:
    waiting = _wait_at_the_end(ledgers)
    before = ledgers.ledger.standing(waiting)
    assert ledgers.ledger.reopen({waiting: None}, actor="brevdue") == 0
    assert ledgers.ledger.waiting(ledgers.clock.at, 10) == []
    assert len(ledgers.ledger.waiting(ledgers.clock.wait(1), 10)) == 1
    assert ledgers.ledger.standing(waiting).history == before.history


@pytest.mark.parametrize(("step", "channel"), [(0, "eboks"), (1, "smime")])
def test_it_goes_from_the_step_that_opened_with_a_fresh_start(ledgers, step, channel) -> None:
    waiting = _wait_at_the_end(ledgers)
    assert ledgers.ledger.reopen({waiting: step}, actor="brevdue") == 1
    (claim,) = _claim(ledgers, channel)
    assert (claim.consignment.step, claim.consignment.attempts) == (step, 1)
    assert claim.message_id.startswith(channel)
    assert not claim.consignment.earlier_unknown


def test_its_reasons_are_those_of_the_latest_round(ledgers: LedgerHouse) -> None:
    waiting = _wait_at_the_end(ledgers)
    ledgers.ledger.reopen({waiting: 0}, actor="brevdue")
    _leave(ledgers, "eboks", "eboks.exempt")
    _leave(ledgers, "smime", "smime.certificate_expired")
    reasons = ledgers.ledger.standing(waiting).params["reasons"]
    assert reasons == "eboks: eboks.exempt; smime: smime.certificate_expired"


def test_a_person_who_releases_it_begins_the_route_again(ledgers: LedgerHouse) -> None:
    waiting = _wait_at_the_end(ledgers)
    assert ledgers.ledger.release(waiting, actor="anna") == 1
    assert ledgers.ledger.standing(waiting).step == 0


def test_what_a_person_cancelled_meanwhile_stays_cancelled(ledgers: LedgerHouse) -> None:
    waiting = _wait_at_the_end(ledgers)
    ledgers.ledger.cancel(waiting, actor="anna", reason="sendt som brev")
    assert ledgers.ledger.reopen({waiting: 0}, actor="brevdue") == 0
    assert ledgers.ledger.standing(waiting).state is State.CANCELLED


def test_in_a_batch_that_a_person_holds_it_does_not_go(ledgers: LedgerHouse) -> None:
    waiting = _wait_at_the_end(ledgers)
    batch_id = ledgers.ledger.standing(waiting).batch_id
    ledgers.ledger.hold(batch_id, actor="anna", reason="vent")
    ledgers.ledger.reopen({waiting: 0}, actor="brevdue")
    standing = ledgers.ledger.standing(waiting)
    assert (standing.state, standing.code) == (State.HELD, "ledger.batch_held_by_person")


def test_a_step_that_was_taken_once_is_told_so_that_it_is_never_begun_again(ledgers: LedgerHouse) -> None:
    house = ledgers
    house.add(1, route=("eboks", "smime"))
    (claim,) = _claim(house, "eboks")
    receipt = Receipt("eboks", "ext-1", house.clock.at, final=False, simulated=True)
    house.ledger.record([Outcome(claim, Cause.ACCEPTED, receipt=receipt)], actor="brevdue")
    word = ReceiptEvent("eboks", "ext-1", ReceiptKind.RETURNED, house.clock.at, "eboks.returned")
    house.ledger.record_receipts([word], actor="brevdue")
    _leave(house, "smime", "smime.no_certificate")
    (waiting,) = house.ledger.waiting(house.clock.wait(1), 10)
    assert waiting.used_steps == {0}
    house.ledger.release(waiting.consignment.id, actor="anna")
    assert house.ledger.standing(waiting.consignment.id).step == 1


def test_an_unknown_attempt_never_ends_as_no_way(ledgers: LedgerHouse) -> None:
    ledgers.add(1, route=("eboks",))
    with pytest.raises(ValueError, match="unknown"):
        _leave(ledgers, "eboks", "eboks.not_enrolled", unknown=True)
