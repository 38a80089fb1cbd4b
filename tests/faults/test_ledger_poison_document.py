"""A document that kills its worker is parked after five tries; all others finish (facts/trust.md, 5)."""

from __future__ import annotations

from batch.records import Claim, Outcome
from schemas.states import Cause, State
from tests.rigs.ledgers import LedgerHouse


def _work(house: LedgerHouse, owner: str, poison: str) -> bool:
    """Works until nothing is due, and says True; a worker that meets the poison dies and says False."""
    while True:
        claims = house.doubts(50, owner=owner) or house.claim(50, owner=owner)
        if not claims:
            return True
        if any(claim.consignment.id == poison for claim in claims):
            return False
        cause = Cause.FOUND if claims[0].doubtful else Cause.ACCEPTED
        house.record(*(Outcome(c, cause, receipt=house.receipt(c, final=True)) for c in claims))


def _recover_all(house: LedgerHouse) -> None:
    house.ledger.recover(lambda owner: True)
    house.clock.wait(60)


def test_poison_is_parked_after_five_tries_and_all_others_finish(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(40)
    poison = f"{batch_id}-00017"
    deaths = 0
    while not _work(ledgers, f"worker-{deaths}", poison):
        deaths += 1
        assert deaths <= 5
        _recover_all(ledgers)
    assert deaths == 5
    assert ledgers.counts(batch_id) == {State.DELIVERED: 39, State.IN_DOUBT: 1}
    standing = ledgers.ledger.standing(poison)
    assert standing is not None
    assert (standing.code, standing.needs_person) == ("ledger.worker_lost_too_often", True)
    assert standing.params == {"n_losses": 5}


def test_deaths_in_company_park_nobody(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(4)
    ledgers.claim(4, owner="w0")
    _recover_all(ledgers)
    for n in range(1, 2):
        assert len(ledgers.doubts(4, owner=f"w{n}")) == 4
        _recover_all(ledgers)
    suspects = [ledgers.doubts(4, owner="w9") for _ in range(4)]
    assert [len(slice_) for slice_ in suspects] == [1, 1, 1, 1]
    for _ in range(10):  # one owner with four slices in hand: nobody knows which of them it was
        _recover_all(ledgers)
        assert sum(len(ledgers.doubts(4, owner="w9")) for _ in range(4)) == 4
    assert ledgers.counts(batch_id) == {State.IN_DOUBT: 4}


def test_a_worker_that_lives_to_tell_clears_the_suspicion(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    claims: list[Claim] = ledgers.claim()
    for _ in range(6):
        _recover_all(ledgers)
        (doubt,) = ledgers.doubts()
        ledgers.record(Outcome(doubt, None, "eboks.no_answer"))
        (doubt,) = ledgers.doubts()
    standing = ledgers.ledger.standing(claims[0].consignment.id)
    assert standing is not None
    assert not standing.needs_person


def test_what_was_parked_goes_on_when_a_person_says_so(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    ledgers.claim()
    _recover_all(ledgers)
    for _ in range(4):
        ledgers.doubts()
        _recover_all(ledgers)
    assert ledgers.doubts() == []
    (one,) = ledgers.ledger.by_recipient("0103039991")
    ledgers.ledger.resolve(one, "not_found", actor="drift", reason="set efter")
    assert len(ledgers.claim()) == 1
