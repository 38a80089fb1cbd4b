"""Both ledgers: who gets what, when, and what happens to the leases of the dead."""

from __future__ import annotations

import threading

from sqlalchemy import event

from batch.records import Claim, Outcome
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, LedgerHouse, name_id


def _ids(claims: list[Claim]) -> list[str]:
    return [claim.consignment.id for claim in claims]


def test_a_claim_is_sending_under_a_lease_with_its_message_id(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    claims = ledgers.claim()
    assert ledgers.counts(batch_id) == {State.SENDING: 2}
    for claim in claims:
        assert claim.message_id == name_id(claim.consignment.seed)
        assert (claim.consignment.attempts, claim.consignment.earlier_unknown) == (1, False)
        assert (claim.lease_number, claim.doubtful) == (1, False)
    assert ledgers.claim() == []


def test_slices_come_in_the_order_of_the_lines(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(5)
    taken = _ids(ledgers.claim(2)) + _ids(ledgers.claim(2)) + _ids(ledgers.claim(2))
    assert taken == [f"{batch_id}-{line:05d}" for line in range(2, 7)]


def test_the_oldest_batch_goes_first(ledgers: LedgerHouse) -> None:
    first = ledgers.add(1)
    ledgers.clock.wait(1)
    ledgers.add(1)
    assert ledgers.claim(1)[0].consignment.batch_id == first


def test_what_is_not_due_yet_is_not_given(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    (claim,) = ledgers.claim()
    later = ledgers.clock.wait(0)
    ledgers.record(Outcome(claim, Cause.DEFERRED, "smtp.451", retry_at=ledgers.clock.wait(30)))
    ledgers.clock.at = later
    assert ledgers.claim() == []
    assert ledgers.ledger.due(CHANNEL) == 0
    due_at = ledgers.ledger.next_due_at(CHANNEL)
    assert due_at is not None
    ledgers.clock.at = due_at
    assert len(ledgers.claim()) == 1


def test_only_the_asked_channel_is_given(ledgers: LedgerHouse) -> None:
    ledgers.add(1, route=("tunnel",))
    assert ledgers.claim() == []
    assert len(ledgers.claim(channel="tunnel")) == 1


def test_a_paused_channel_gives_nothing_until_it_is_resumed(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    ledgers.ledger.pause(CHANNEL, "eboks.bad_certificate", actor="house")
    ledgers.ledger.pause(CHANNEL, "ui.other", actor="drift")
    assert ledgers.claim() == []
    assert [(p.channel, p.code, p.actor) for p in ledgers.ledger.pauses()] == [
        (CHANNEL, "eboks.bad_certificate", "house")
    ]
    assert ledgers.ledger.resume(CHANNEL, actor="drift")
    assert not ledgers.ledger.resume(CHANNEL, actor="drift")
    assert len(ledgers.claim()) == 1


def test_the_message_id_stays_on_every_retry_of_a_step(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    (first,) = ledgers.claim()
    ledgers.record(Outcome(first, Cause.DEFERRED, "smtp.451"))
    (second,) = ledgers.ledger.claim(CHANNEL, 1, owner="w", lease_seconds=60, name_id=lambda seed: "another")
    assert second.message_id == first.message_id
    assert (second.consignment.attempts, second.lease_number) == (2, 2)


def test_many_workers_at_once_never_share_a_consignment(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(60)
    taken: list[str] = []
    start = threading.Barrier(4)

    def work(owner: str) -> None:
        ledger = ledgers.open()
        start.wait()
        while claims := ledger.claim(CHANNEL, 4, owner=owner, lease_seconds=60, name_id=name_id):
            taken.extend(_ids(claims))

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == len(set(taken)) == 60
    assert ledgers.counts(batch_id) == {State.SENDING: 60}


def test_a_dead_workers_consignments_are_in_doubt_and_never_ready(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3)
    ledgers.claim(2, owner="dead")
    ledgers.claim(1, owner="alive")
    asked: list[str] = []

    def is_dead(owner: str) -> bool:
        asked.append(owner)
        return owner == "dead"

    assert ledgers.ledger.recover(is_dead) == 2
    assert sorted(asked) == ["alive", "dead"]
    assert ledgers.counts(batch_id) == {State.SENDING: 1, State.IN_DOUBT: 2}
    standing = ledgers.ledger.standing(f"{batch_id}-00002")
    assert standing is not None
    assert (standing.code, standing.unknown_attempts) == ("ledger.worker_lost", 1)


def test_an_expired_lease_is_taken_back_and_a_living_one_not(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    ledgers.claim()
    ledgers.clock.wait(59)
    assert ledgers.ledger.recover(lambda owner: False) == 0
    ledgers.clock.wait(2)
    assert ledgers.ledger.recover(lambda owner: False) == 1
    assert ledgers.counts(batch_id) == {State.IN_DOUBT: 1}


def test_doubts_are_leased_without_changing_state_and_to_one_worker(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    (claim,) = ledgers.claim(owner="dead")
    ledgers.ledger.recover(lambda owner: True)
    assert ledgers.ledger.due(CHANNEL) == 1
    (doubt,) = ledgers.doubts()
    assert doubt.doubtful
    assert doubt.consignment.earlier_unknown
    assert doubt.message_id == claim.message_id
    assert doubt.lease_number > claim.lease_number
    assert ledgers.counts(batch_id) == {State.IN_DOUBT: 1}
    assert ledgers.doubts(owner="other") == []
    assert ledgers.claim() == []
    ledgers.ledger.recover(lambda owner: owner == "worker-1")
    assert len(ledgers.doubts(owner="other")) == 1


def test_the_statements_of_a_slice_do_not_grow_with_it(ledgers: LedgerHouse) -> None:
    engine = ledgers.ledger._store.database._engine
    counted: list[int] = []
    n = 0

    def count(*_: object) -> None:
        nonlocal n
        n += 1

    event.listen(engine, "before_cursor_execute", count)
    for size in (10, 200):
        ledgers.add(size)
        n = 0
        claims = ledgers.claim(size)
        ledgers.accept(claims, final=True)
        assert len(claims) == size
        counted.append(n)
    event.remove(engine, "before_cursor_execute", count)
    assert counted[0] == counted[1] <= 16


def test_channels_in_use_are_those_with_something_unfinished(ledgers: LedgerHouse) -> None:
    ledgers.add(1, route=("tunnel",))
    batch_id = ledgers.add(1, route=("tls",))
    ledgers.accept(ledgers.claim(channel="tunnel"), final=True)
    assert ledgers.ledger.channels_in_use() == ["tls"]
    ledgers.accept(ledgers.claim(channel="tls"))
    assert ledgers.ledger.channels_in_use() == ["tls"]
    assert ledgers.counts(batch_id) == {State.ACCEPTED: 1}
