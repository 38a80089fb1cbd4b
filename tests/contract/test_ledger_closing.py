"""Both ledgers: news, closing and the timetable's guard."""

from __future__ import annotations

import threading

from batch.records import BatchSummary
from tests.rigs.ledgers import LedgerHouse


def _answer(house: LedgerHouse) -> list[BatchSummary]:
    """Answers everything that has news."""
    batches = house.ledger.to_answer()
    for batch in batches:
        house.ledger.mark_answered(batch.id, batch.version)
    return batches


def test_a_batch_is_answered_when_taken_and_again_only_after_a_change(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    assert [batch.id for batch in _answer(ledgers)] == [batch_id]
    assert _answer(ledgers) == []
    ledgers.claim(1)
    assert [batch.id for batch in _answer(ledgers)] == [batch_id]
    assert ledgers.ledger.to_answer() == []


def test_a_change_while_the_answer_is_written_is_news_again(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    (seen,) = ledgers.ledger.to_answer()
    ledgers.claim()
    ledgers.ledger.mark_answered(batch_id, seen.version)
    assert [batch.id for batch in ledgers.ledger.to_answer()] == [batch_id]


def test_a_batch_closes_only_when_final_and_answered(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    _answer(ledgers)
    assert not ledgers.ledger.close_batch(batch_id)
    ledgers.accept(ledgers.claim(), final=True)
    assert not ledgers.ledger.close_batch(batch_id)
    _answer(ledgers)
    assert ledgers.ledger.close_batch(batch_id)
    assert not ledgers.ledger.close_batch(batch_id)
    assert ledgers.ledger.to_answer() == []
    assert not ledgers.ledger.close_batch("nothing")


def test_a_slot_is_taken_once_by_whoever_comes_first(ledgers: LedgerHouse) -> None:
    won: list[bool] = []
    start = threading.Barrier(4)

    def run() -> None:
        ledger = ledgers.open()
        start.wait()
        won.append(ledger.take_slot("pull loen", "2026-10-25 02:30"))

    runs = [threading.Thread(target=run) for _ in range(4)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert sorted(won) == [False, False, False, True]
    assert ledgers.ledger.take_slot("pull loen", "2026-10-26 02:30")
    assert ledgers.ledger.take_slot("purge", "2026-10-25 02:30")


def test_old_slots_are_forgotten_and_young_ones_not(ledgers: LedgerHouse) -> None:
    assert ledgers.ledger.take_slot("purge", "one")
    ledgers.clock.wait(399 * 86_400)
    assert ledgers.ledger.take_slot("purge", "two")
    assert not ledgers.ledger.take_slot("purge", "one")
    ledgers.clock.wait(2 * 86_400)
    assert not ledgers.ledger.take_slot("purge", "two")
