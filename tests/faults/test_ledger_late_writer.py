"""A worker is stopped for longer than its lease, then goes on: its write is refused (facts/trust.md, 4)."""

from __future__ import annotations

import pytest

from batch.records import Outcome
from schemas.states import Cause, State
from tests.rigs.ledgers import LedgerHouse


@pytest.mark.parametrize("cause", [Cause.ACCEPTED, Cause.DEFERRED, Cause.REROUTED, Cause.REFUSED, Cause.LOST])
def test_a_late_outcome_has_no_effect_at_all(ledgers: LedgerHouse, cause: Cause) -> None:
    ledgers.add(2)
    stopped, other = ledgers.claim(owner="stopped")
    ledgers.accept([other])
    ledgers.clock.wait(3 * 60)
    assert ledgers.ledger.recover(lambda owner: False) == 1
    before = ledgers.ledger.standing(stopped.consignment.id)
    late = Outcome(stopped, cause, "a.b", receipt=ledgers.receipt(stopped, final=True))
    assert ledgers.record(late) == [stopped]
    assert ledgers.ledger.standing(stopped.consignment.id) == before
    assert ledgers.state(stopped.consignment.id) is State.IN_DOUBT


def test_a_late_outcome_does_not_disturb_who_took_over(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    (stopped,) = ledgers.claim(owner="stopped")
    ledgers.clock.wait(3 * 60)
    ledgers.ledger.recover(lambda owner: False)
    (doubt,) = ledgers.doubts(owner="successor")
    assert ledgers.record(Outcome(stopped, Cause.REFUSED, "a.b")) == [stopped]
    assert ledgers.record(Outcome(doubt, Cause.FOUND, receipt=ledgers.receipt(doubt))) == []
    assert ledgers.state(doubt.consignment.id) is State.ACCEPTED


def test_the_good_outcomes_of_a_group_are_kept_beside_a_late_one(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    (stopped,) = ledgers.claim(1)
    ledgers.clock.wait(61)
    ledgers.ledger.recover(lambda owner: False)
    (fresh,) = ledgers.claim(1)
    refused = ledgers.record(
        Outcome(stopped, Cause.ACCEPTED, receipt=ledgers.receipt(stopped)),
        Outcome(fresh, Cause.ACCEPTED, receipt=ledgers.receipt(fresh)),
    )
    assert refused == [stopped]
    assert ledgers.counts(batch_id) == {State.IN_DOUBT: 1, State.ACCEPTED: 1}
