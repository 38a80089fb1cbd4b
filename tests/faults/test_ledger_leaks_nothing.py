"""Values never leave the ledger by a side door: not in errors, not in the file, not after erasure."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from batch.records import NewBatch
from schemas.errors import Coded
from tests.rigs.ledgers import CPRS, SOURCE, LedgerHouse, make_consignment, make_kept, make_rejection

CANARIES = (*CPRS, "Ærøskøbing", "Lønseddel oktober", "aase@example", "ref-2", "seddel-0")


def _shown(error: BaseException) -> str:
    """Everything that a traceback, a log with locals off, or a chained cause would show."""
    return "".join(traceback.format_exception(error))


def test_a_database_error_shows_no_bound_value(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.new_id()
    row = make_consignment(ledgers.vault, batch_id, 2, seed="kanariefugl")
    twice = NewBatch(batch_id, SOURCE, "kanariefugl", "zip", "f", 2, 0, 0, None)
    with pytest.raises(Coded) as refused:
        ledgers.ledger.record_batch(twice, [row, row], [], [])
    assert refused.value.code == "ledger.busy"
    assert "kanariefugl" not in _shown(refused.value)


@pytest.mark.parametrize("ledgers", ["postgresql"], indirect=True)
def test_a_value_the_database_quotes_when_it_refuses_it_is_not_shown(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.new_id()
    row = make_consignment(ledgers.vault, batch_id, 2)
    row = replace(row, line="kanariefugl")  # type: ignore[arg-type]
    batch = NewBatch(batch_id, SOURCE, "drop", "zip", "f", 1, 0, 0, None)
    with pytest.raises(Coded) as refused:
        ledgers.ledger.record_batch(batch, [row], [], [])
    assert refused.value.code == "ledger.failed"
    assert "kanariefugl" not in _shown(refused.value)


def test_nothing_personal_lies_readable_in_the_files(sqlite_ledger: LedgerHouse) -> None:
    batch_id = "20261102-080000-000001"
    kept = [make_kept(sqlite_ledger.vault, batch_id, 0, f"{CPRS[0]}.csv")]
    sqlite_ledger.add(3, kept=kept, rejections=[make_rejection(sqlite_ledger.vault, batch_id, 9)])
    sqlite_ledger.accept(sqlite_ledger.claim())
    stored = _files(sqlite_ledger)
    assert batch_id.encode() in stored
    assert [canary for canary in CANARIES if canary.encode() in stored] == []


def _files(house: LedgerHouse) -> bytes:
    path = Path(str(make_url(house.url).database))
    names = (path, path.with_name(path.name + "-wal"))
    return b"".join(name.read_bytes() for name in names if name.exists())
