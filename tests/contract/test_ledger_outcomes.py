"""Both ledgers: every outcome of a claim, alone and in a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batch.records import Claim, Outcome, Standing
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, OWNER, LedgerHouse, name_id


def _standing(house: LedgerHouse, claim: Claim) -> Standing:
    standing = house.ledger.standing(claim.consignment.id)
    assert standing is not None
    return standing


def _claim(house: LedgerHouse, **changes: object) -> Claim:
    house.add(1, **changes)  # type: ignore[arg-type]
    return house.claim()[0]


def _doubt(house: LedgerHouse) -> Claim:
    _claim(house)
    house.ledger.recover(lambda owner: True)
    return house.doubts()[0]


def test_accepted_waits_for_later_word(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.accept([claim])
    standing = _standing(ledgers, claim)
    assert standing.state is State.ACCEPTED
    assert standing.receipt is not None
    assert standing.receipt.external_id == f"ext-{claim.message_id}"
    assert (standing.receipt.final, standing.receipt.simulated) == (False, True)
    assert standing.receipt.proof == {"status": "200", "digest": "ab" * 32}
    assert ledgers.ledger.awaiting(CHANNEL, 10) == [f"ext-{claim.message_id}"]


def test_a_final_receipt_delivers_at_once_with_two_events(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.accept([claim], final=True)
    standing = _standing(ledgers, claim)
    assert standing.state is State.DELIVERED
    assert standing.receipt is not None
    assert standing.receipt.final
    assert [event.cause for event in standing.history] == [
        Cause.CLAIMED,
        Cause.ACCEPTED,
        Cause.CONFIRMED,
    ]


def test_deferred_waits_on_the_same_step(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    retry_at = ledgers.clock.wait(0) + (ledgers.clock.wait(90) - ledgers.clock())
    ledgers.record(Outcome(claim, Cause.DEFERRED, "smtp.451", {"seconds": 90}, retry_at=retry_at))
    standing = _standing(ledgers, claim)
    assert (standing.state, standing.step, standing.attempts) == (State.READY, 0, 1)
    assert (standing.code, standing.params) == ("smtp.451", {"seconds": 90})
    assert standing.next_attempt_at == retry_at
    assert standing.unknown_attempts == 0


def test_an_attempt_that_is_not_burnt_does_not_count(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, Cause.DEFERRED, "tls.certificate_expired", burnt=False))
    assert _standing(ledgers, claim).attempts == 0


def test_a_deferral_that_may_have_been_taken_is_remembered(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, Cause.DEFERRED, "eboks.server_error", unknown=True))
    (again,) = ledgers.claim()
    assert again.consignment.earlier_unknown
    assert again.message_id == claim.message_id


def test_a_reroute_starts_the_next_step_afresh(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, Cause.DEFERRED, "eboks.server_error", unknown=True))
    (claim,) = ledgers.claim()
    ledgers.record(Outcome(claim, Cause.REROUTED, "eboks.not_enrolled"))
    standing = _standing(ledgers, claim)
    assert (standing.state, standing.step, standing.attempts) == (State.READY, 1, 0)
    assert (standing.unknown_attempts, standing.message_id) == (0, "")
    assert standing.code == "eboks.not_enrolled"
    (there,) = ledgers.ledger.claim(
        "smime", 9, owner=OWNER, lease_seconds=60, name_id=lambda seed: f"<{seed}@x>"
    )
    assert there.message_id == f"<{claim.consignment.seed}@x>"
    assert there.consignment.channel == "smime"
    assert not there.consignment.earlier_unknown


def test_a_reroute_without_a_next_step_fails_with_its_reason(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers, route=(CHANNEL,))
    ledgers.record(Outcome(claim, Cause.REROUTED, "eboks.not_enrolled"))
    standing = _standing(ledgers, claim)
    assert (standing.state, standing.step) == (State.FAILED, 0)
    assert standing.code == "eboks.not_enrolled"
    assert standing.history[-1].cause is Cause.EXHAUSTED


def test_an_unknown_outcome_never_reroutes(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    with pytest.raises(ValueError, match="never left"):
        ledgers.record(Outcome(claim, Cause.REROUTED, "eboks.not_enrolled", unknown=True))
    assert _standing(ledgers, claim).state is State.SENDING


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.EXHAUSTED])
def test_refused_and_exhausted_fail_with_their_reason(ledgers: LedgerHouse, cause: Cause) -> None:
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, cause, "eboks.bad_document", {"n_attempts": 1}))
    standing = _standing(ledgers, claim)
    assert (standing.state, standing.code) == (State.FAILED, "eboks.bad_document")
    assert standing.params == {"n_attempts": 1}


def test_lost_is_in_doubt_and_the_attempt_unknown(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, Cause.LOST, "eboks.no_answer"))
    standing = _standing(ledgers, claim)
    assert (standing.state, standing.unknown_attempts) == (State.IN_DOUBT, 1)
    assert not standing.needs_person
    assert ledgers.doubts()[0].consignment.earlier_unknown


def test_an_id_conflict_waits_for_a_person_and_is_no_unknown_attempt(ledgers: LedgerHouse) -> None:
    """Else a later "already used" would be read as our own acceptance (design 4.4)."""
    claim = _claim(ledgers)
    ledgers.record(Outcome(claim, Cause.LOST, "eboks.id_conflict", needs_person=True))
    standing = _standing(ledgers, claim)
    assert standing.needs_person
    assert ledgers.doubts() == []
    assert ledgers.ledger.due(CHANNEL) == 0
    ledgers.ledger.resolve(claim.consignment.id, "not_found", actor="drift", reason="set efter")
    (again,) = ledgers.claim()
    assert not again.consignment.earlier_unknown
    assert again.message_id == claim.message_id


def test_a_doubt_that_is_found_is_accepted(ledgers: LedgerHouse) -> None:
    doubt = _doubt(ledgers)
    ledgers.record(Outcome(doubt, Cause.FOUND, receipt=ledgers.receipt(doubt)))
    assert _standing(ledgers, doubt).state is State.ACCEPTED


def test_a_doubt_that_is_not_found_goes_again_under_its_id(ledgers: LedgerHouse) -> None:
    doubt = _doubt(ledgers)
    ledgers.record(Outcome(doubt, Cause.NOT_FOUND))
    (again,) = ledgers.claim()
    assert again.message_id == doubt.message_id


def test_a_doubt_that_stays_waits_for_its_next_look(ledgers: LedgerHouse) -> None:
    doubt = _doubt(ledgers)
    retry_at = ledgers.clock.wait(0)
    ledgers.record(Outcome(doubt, None, "eboks.no_answer", unknown=True, retry_at=ledgers.clock.wait(60)))
    ledgers.clock.at = retry_at
    assert ledgers.doubts() == []
    ledgers.clock.wait(60)
    (again,) = ledgers.doubts()
    standing = _standing(ledgers, again)
    assert (standing.unknown_attempts, standing.code) == (2, "eboks.no_answer")
    assert again.consignment.attempts == 3


def test_a_doubt_may_turn_out_to_need_a_person(ledgers: LedgerHouse) -> None:
    doubt = _doubt(ledgers)
    ledgers.record(Outcome(doubt, None, "smtp.cannot_tell", needs_person=True))
    assert _standing(ledgers, doubt).needs_person
    assert ledgers.doubts() == []


def test_a_receipt_of_another_is_a_doubt_for_a_person_and_stops_no_other(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(4)
    first, *rest = ledgers.claim()
    ledgers.record(Outcome(first, Cause.ACCEPTED, receipt=ledgers.receipt(first, external_id="x-1")))
    ledgers.record(
        Outcome(rest[0], Cause.ACCEPTED, receipt=ledgers.receipt(rest[0], external_id="x-1")),
        Outcome(rest[1], Cause.ACCEPTED, receipt=ledgers.receipt(rest[1], external_id="x-2")),
        Outcome(rest[2], Cause.ACCEPTED, receipt=ledgers.receipt(rest[2], external_id="x-2")),
    )
    assert ledgers.counts(batch_id) == {State.ACCEPTED: 2, State.IN_DOUBT: 2}
    standing = _standing(ledgers, rest[0])
    assert (standing.code, standing.needs_person) == ("ledger.receipt_of_another", True)
    assert standing.receipt is None
    assert ledgers.doubts() == []


def test_a_receipt_without_an_id_of_its_own_keeps_ours(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    receipt = replace(ledgers.receipt(claim), external_id="")
    ledgers.record(Outcome(claim, Cause.ACCEPTED, receipt=receipt))
    assert ledgers.ledger.awaiting(CHANNEL, 5) == [name_id(claim.consignment.seed)]


def test_acceptance_without_a_receipt_is_a_bug_and_changes_nothing(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    with pytest.raises(ValueError, match="without a receipt"):
        ledgers.record(Outcome(claim, Cause.ACCEPTED))
    assert _standing(ledgers, claim).state is State.SENDING


@pytest.mark.parametrize("cause", [Cause.FOUND, Cause.NOT_FOUND, Cause.CONFIRMED, Cause.CLAIMED, None])
def test_an_arrow_that_is_not_in_the_table_is_refused(ledgers: LedgerHouse, cause: Cause | None) -> None:
    claim = _claim(ledgers)
    with pytest.raises(ValueError, match=r"no transition|without a cause"):
        ledgers.record(Outcome(claim, cause, receipt=ledgers.receipt(claim)))
    assert _standing(ledgers, claim).state is State.SENDING


def test_an_outcome_given_twice_counts_once(ledgers: LedgerHouse) -> None:
    claim = _claim(ledgers)
    outcome = Outcome(claim, Cause.DEFERRED, "smtp.451")
    assert ledgers.record(outcome, outcome) == [claim]
    assert ledgers.record(outcome) == [claim]
    assert len(_standing(ledgers, claim).history) == 2


def test_a_mixed_group_is_one_transaction(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(6)
    claims = ledgers.claim()
    ledgers.record(
        Outcome(claims[0], Cause.ACCEPTED, receipt=ledgers.receipt(claims[0])),
        Outcome(claims[1], Cause.ACCEPTED, receipt=ledgers.receipt(claims[1], final=True)),
        Outcome(claims[2], Cause.DEFERRED, "a.b"),
        Outcome(claims[3], Cause.REROUTED, "a.c"),
        Outcome(claims[4], Cause.REFUSED, "a.d"),
        Outcome(claims[5], Cause.LOST, "a.e"),
    )
    assert ledgers.counts(batch_id) == {
        State.ACCEPTED: 1,
        State.DELIVERED: 1,
        State.READY: 2,
        State.FAILED: 1,
        State.IN_DOUBT: 1,
    }
    assert ledgers.ledger.channel_counts(batch_id)["smime"] == {State.READY: 1}
    assert ledgers.ledger.code_counts(batch_id) == {"a.b": 1, "a.c": 1, "a.d": 1, "a.e": 1}


def test_more_outcomes_than_one_statement_takes(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1100)
    ledgers.accept(ledgers.claim(1100), final=True)
    assert ledgers.counts(batch_id) == {State.DELIVERED: 1100}
