"""Both ledgers: the cache of enrolment answers."""

from __future__ import annotations

from schemas.channels import KeptEnrolment
from tests.rigs.ledgers import CHANNEL, CPRS, LedgerHouse, make_rejection

DAY = 24 * 3600.0


def said(kept: KeptEnrolment | None) -> str | None:
    return kept.answer if kept else None


def test_an_answer_is_remembered_for_its_time_and_place(ledgers: LedgerHouse) -> None:
    cache = ledgers.ledger.enrolments
    cache.remember(CHANNEL, 7, CPRS[0], "enrolled")
    for flushed in (False, True):
        if flushed:
            cache.flush()
        assert said(cache.recall(CHANNEL, 7, CPRS[0], DAY)) == "enrolled"
        assert cache.recall(CHANNEL, 8, CPRS[0], DAY) is None
        assert cache.recall(CHANNEL, 7, CPRS[1], DAY) is None
        assert cache.recall("other", 7, CPRS[0], DAY) is None
    ledgers.clock.wait(DAY)
    assert said(cache.recall(CHANNEL, 7, CPRS[0], DAY)) == "enrolled"
    ledgers.clock.wait(1)
    assert cache.recall(CHANNEL, 7, CPRS[0], DAY) is None


def test_an_answer_from_the_future_counts_for_nothing(ledgers: LedgerHouse) -> None:
    cache = ledgers.ledger.enrolments
    cache.remember(CHANNEL, 7, CPRS[0], "enrolled")
    ledgers.clock.wait(-60)
    assert cache.recall(CHANNEL, 7, CPRS[0], DAY) is None


def test_a_newer_answer_replaces_the_older(ledgers: LedgerHouse) -> None:
    cache = ledgers.ledger.enrolments
    for answer in ("absent", "enrolled"):
        cache.remember(CHANNEL, 7, CPRS[0], answer)
        cache.flush()
    assert said(cache.recall(CHANNEL, 7, CPRS[0], DAY)) == "enrolled"


def test_forgetting_is_at_once_and_for_every_material(ledgers: LedgerHouse) -> None:
    cache, other = ledgers.ledger.enrolments, ledgers.open().enrolments
    cache.remember(CHANNEL, 7, CPRS[0], "enrolled")
    cache.flush()
    cache.remember(CHANNEL, 8, CPRS[0], "enrolled")
    cache.remember(CHANNEL, 8, CPRS[1], "enrolled")
    cache.forget(CHANNEL, CPRS[0])
    assert cache.recall(CHANNEL, 7, CPRS[0], DAY) is None
    assert cache.recall(CHANNEL, 8, CPRS[0], DAY) is None
    assert said(cache.recall(CHANNEL, 8, CPRS[1], DAY)) == "enrolled"
    assert other.recall(CHANNEL, 7, CPRS[0], DAY) is None


def test_answers_reach_other_processes_with_the_next_recorded_slice(ledgers: LedgerHouse) -> None:
    ledgers.add(1, rejections=[make_rejection(ledgers.vault, "x", 9)])
    ledgers.ledger.enrolments.remember(CHANNEL, 7, CPRS[0], "enrolled")
    other = ledgers.open().enrolments
    assert other.recall(CHANNEL, 7, CPRS[0], DAY) is None
    ledgers.accept(ledgers.claim())
    assert said(other.recall(CHANNEL, 7, CPRS[0], DAY)) == "enrolled"


def test_many_answers_are_written_without_being_asked(ledgers: LedgerHouse) -> None:
    cache, other = ledgers.ledger.enrolments, ledgers.open().enrolments
    for n in range(200):
        cache.remember(CHANNEL, n, CPRS[0], "enrolled")
    assert said(other.recall(CHANNEL, 199, CPRS[0], DAY)) == "enrolled"


def test_old_answers_are_dropped(ledgers: LedgerHouse) -> None:
    cache = ledgers.ledger.enrolments
    cache.remember(CHANNEL, 7, CPRS[0], "enrolled")
    cache.flush()
    ledgers.clock.wait(100)
    assert cache.drop_older(101) == 0
    assert cache.drop_older(99) == 1
