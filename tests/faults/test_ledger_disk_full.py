"""The disk fills up at the Nth write, for every N (facts/trust.md, 15): all or nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from batch.records import NewBatch
from schemas.errors import ServiceDown
from schemas.states import State
from tests.rigs.ledgers import SOURCE, LedgerHouse


def _limit(house: LedgerHouse, more_pages: int | None) -> None:
    """Lets the database file grow by so many pages and no more; None lifts the limit."""
    engine = house.ledger._store.database._engine
    engine.dispose()

    @event.listens_for(engine, "connect")
    def _cap(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        limit = 2**30 if more_pages is None else pages + more_pages
        cursor.execute(f"PRAGMA max_page_count = {limit}")
        cursor.close()


def test_a_full_disk_at_any_write_leaves_the_batch_out_whole(sqlite_ledger: LedgerHouse) -> None:
    n_rows = 60
    for more_pages in range(0, 200, 5):
        _limit(sqlite_ledger, more_pages)
        batch_id = sqlite_ledger.new_id()
        batch = NewBatch(batch_id, SOURCE, "drop", "zip", batch_id, n_rows, 0, 0, None)
        try:
            sqlite_ledger.ledger.record_batch(batch, sqlite_ledger.consignments(batch_id, n_rows), [], [])
        except ServiceDown as full:
            assert full.code == "ledger.disk_full"
            assert not sqlite_ledger.ledger.has_batch(batch_id)
            continue
        assert more_pages > 0
        assert sqlite_ledger.counts(batch_id) == {State.READY: n_rows}
        return
    pytest.fail("the limit was never high enough")


def test_outcomes_on_a_full_disk_are_not_half_written(sqlite_ledger: LedgerHouse) -> None:
    batch_id = sqlite_ledger.add(300)
    claims = sqlite_ledger.claim(300)
    _limit(sqlite_ledger, 1)
    with pytest.raises(ServiceDown, match=r"ledger\.disk_full"):
        sqlite_ledger.accept(claims, final=True)
    assert sqlite_ledger.counts(batch_id) == {State.SENDING: 300}
    _limit(sqlite_ledger, None)
    sqlite_ledger.accept(claims, final=True)
    assert sqlite_ledger.counts(batch_id) == {State.DELIVERED: 300}
