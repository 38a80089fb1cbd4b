"""A row whose sealed values are damaged is set aside; the others go on, and wrong keys hold nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from batch.records import Outcome
from batch.vault import Vault
from schemas.errors import ConfigurationError
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, LedgerHouse


def _damage(house: LedgerHouse, consignment_id: str, column: str = "sealed") -> bytes:
    table, key = ("consignment", "id") if column == "sealed" else ("document", "consignment_id")
    with house.ledger._store.database.writing() as connection:
        where = {"id": consignment_id}
        good = bytes(connection.scalar(text(f"SELECT {column} FROM {table} WHERE {key} = :id"), where))
        bad = good[:-1] + bytes([good[-1] ^ 1])
        connection.execute(
            text(f"UPDATE {table} SET {column} = :bad WHERE {key} = :id"), {"bad": bad, **where}
        )
    return good


@pytest.mark.parametrize("column", ["sealed", "sealed_name"])
def test_a_damaged_row_is_held_and_the_slice_goes_on(ledgers: LedgerHouse, column: str) -> None:
    batch_id = ledgers.add(3)
    _damage(ledgers, f"{batch_id}-00003", column)
    assert [claim.consignment.line for claim in ledgers.claim()] == [2, 4]
    standing = ledgers.ledger.standing(f"{batch_id}-00003")
    assert standing is not None
    assert (standing.state, standing.code) == (State.HELD, "ledger.row_unreadable")
    assert standing.consignment is None
    assert standing.attempts == 0


def test_an_answer_is_given_for_a_damaged_row_too(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    _damage(ledgers, f"{batch_id}-00002")
    assert [line.reference for line in ledgers.ledger.lines(batch_id)] == ["", "ref-3"]


def test_a_damaged_row_in_doubt_waits_for_a_person(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    ledgers.claim()
    ledgers.ledger.recover(lambda owner: True)
    _damage(ledgers, f"{batch_id}-00002")
    assert [claim.consignment.line for claim in ledgers.doubts()] == [3]
    standing = ledgers.ledger.standing(f"{batch_id}-00002")
    assert standing is not None
    assert (standing.state, standing.needs_person) == (State.IN_DOUBT, True)


def test_a_restored_row_goes_on_after_its_release(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    good = _damage(ledgers, f"{batch_id}-00002")
    assert ledgers.claim() == []
    with ledgers.ledger._store.database.writing() as connection:
        connection.execute(text("UPDATE consignment SET sealed = :good"), {"good": good})
    assert ledgers.ledger.release(f"{batch_id}-00002", actor="drift") == 1
    (claim,) = ledgers.claim()
    assert ledgers.record(Outcome(claim, Cause.REFUSED, "a.b")) == []


def test_wrong_keys_stop_the_house_and_hold_nobody(ledgers: LedgerHouse, tmp_path: Path) -> None:
    batch_id = ledgers.add(3)
    wrong = ledgers.open(vault=Vault.create(tmp_path / "others-keys"))
    with pytest.raises(ConfigurationError, match=r"keys\.unreadable"):
        wrong.claim(CHANNEL, 10, owner="w", lease_seconds=60, name_id=str)
    assert ledgers.counts(batch_id) == {State.READY: 3}
    assert len(ledgers.claim()) == 3
