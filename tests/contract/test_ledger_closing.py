"""Both ledgers: news, closing, erasure and the timetable's guard."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from batch.records import BatchSummary
from schemas.errors import BadInput
from schemas.states import State
from tests.rigs.ledgers import CPRS, LedgerHouse, make_kept, make_rejection


def _answer(house: LedgerHouse) -> list[BatchSummary]:
    """Answers everything that has news."""
    batches = house.ledger.to_answer()
    for batch in batches:
        house.ledger.mark_answered(batch.id, batch.version)
    return batches


def _closed(house: LedgerHouse, **changes: object) -> str:
    batch_id = house.add(2, **changes)  # type: ignore[arg-type]
    house.accept(house.claim(), final=True)
    _answer(house)
    assert house.ledger.close_batch(batch_id)
    return batch_id


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


def test_erasure_waits_for_its_date(ledgers: LedgerHouse) -> None:
    batch_id = _closed(ledgers)
    assert ledgers.ledger.to_purge(ledgers.clock()) == []
    assert ledgers.ledger.to_purge(ledgers.clock() + timedelta(seconds=1)) == [batch_id]


def test_erasure_takes_what_is_personal_and_leaves_the_evidence(ledgers: LedgerHouse) -> None:
    vault, batch_id = ledgers.vault, "20261102-080000-000001"
    kept = [make_kept(vault, batch_id, 0, "index.csv")]
    rejections = [make_rejection(vault, batch_id, 9)]
    assert _closed(ledgers, kept=kept, rejections=rejections) == batch_id
    assert ledgers.ledger.purge_batch(batch_id) == [f"loen/{batch_id}.pack"]
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert (summary.name, summary.purged_at) == ("", ledgers.clock())
    assert summary.counts == {State.DELIVERED: 2}
    lines = list(ledgers.ledger.lines(batch_id))
    assert [line.reference for line in lines] == ["", "", ""]
    assert all(line.receipt_id for line in lines[:2])
    assert not any(line.extra for line in lines)
    standing = ledgers.ledger.standing(f"{batch_id}-00002")
    assert standing is not None
    assert standing.consignment is None
    assert len(standing.history) == 3
    assert ledgers.ledger.kept_files(batch_id) == []
    assert len(ledgers.ledger.by_recipient(CPRS[2])) == 1


def test_erasure_may_be_repeated(ledgers: LedgerHouse) -> None:
    batch_id = _closed(ledgers)
    first = ledgers.ledger.purge_batch(batch_id)
    ledgers.clock.wait(60)
    assert ledgers.ledger.purge_batch(batch_id) == first
    assert ledgers.ledger.to_purge(ledgers.clock()) == []


def test_an_open_or_unknown_batch_is_never_erased(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    with pytest.raises(BadInput, match=r"ledger\.not_closed"):
        ledgers.ledger.purge_batch(batch_id)
    with pytest.raises(BadInput, match=r"ledger\.unknown_subject"):
        ledgers.ledger.purge_batch("nothing")
    assert ledgers.claim()[0].consignment.title


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
