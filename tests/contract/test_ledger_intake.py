"""Both ledgers: a batch goes in whole or not at all, once, and held when it must."""

from __future__ import annotations

import pytest

from batch.records import NewBatch, NewConsignment
from schemas.errors import BadInput
from schemas.states import State
from tests.rigs.ledgers import (
    CHANNEL,
    CPRS,
    CVR,
    SOURCE,
    TENANT,
    LedgerHouse,
    make_consignment,
    make_kept,
    make_rejection,
)


def _batch(batch_id: str, n: int, fingerprint: str = "f") -> NewBatch:
    return NewBatch(batch_id, SOURCE, "drop", "zip", fingerprint, n, 0, 0, None)


def test_a_recorded_batch_is_ready_and_adds_up(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3)
    assert ledgers.counts(batch_id) == {State.READY: 3}
    assert ledgers.ledger.has_batch(batch_id)
    assert ledgers.ledger.due(CHANNEL) == 3
    assert ledgers.ledger.next_due_at(CHANNEL) == ledgers.clock()
    assert ledgers.ledger.channels_in_use() == [CHANNEL]


def test_the_summary_gives_back_what_was_recorded(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(
        1, held_code="batch.wrong_total", batch={"held_params": {"n_said": 2}, "control_total": 2}
    )
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert (summary.name, summary.origin) == (f"uddata for {CPRS[0]}", "folder")
    assert (summary.held_code, summary.held_params) == ("batch.wrong_total", {"n_said": 2})
    assert (summary.control_total, summary.taken_at) == (2, ledgers.clock())
    assert CPRS[0] not in repr(summary)


def test_the_same_fingerprint_is_refused_with_the_earlier_batch(ledgers: LedgerHouse) -> None:
    first, second = ledgers.new_id(), ledgers.new_id()
    ledgers.ledger.record_batch(_batch(first, 1), ledgers.consignments(first, 1), [], [])
    with pytest.raises(BadInput) as refused:
        ledgers.ledger.record_batch(_batch(second, 1), ledgers.consignments(second, 1), [], [])
    assert (refused.value.code, refused.value.params) == ("drop.already_taken", {"batch": first})
    assert not ledgers.ledger.has_batch(second)
    assert ledgers.ledger.batch_by_fingerprint(SOURCE, "f") == first
    assert ledgers.ledger.batch_by_fingerprint("anden", "f") is None


def test_a_stream_that_breaks_leaves_nothing(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.new_id()

    def broken() -> object:
        yield from ledgers.consignments(batch_id, 1200)
        raise OSError("the spool is gone")

    with pytest.raises(OSError, match="spool"):
        ledgers.ledger.record_batch(_batch(batch_id, 1500), broken(), [], [])  # type: ignore[arg-type]
    assert not ledgers.ledger.has_batch(batch_id)
    assert ledgers.ledger.due(CHANNEL) == 0


@pytest.mark.parametrize("n_said", [1, 3])
def test_rows_that_do_not_add_up_are_refused(ledgers: LedgerHouse, n_said: int) -> None:
    batch_id = ledgers.new_id()
    with pytest.raises(ValueError, match="2 consignments"):
        ledgers.ledger.record_batch(_batch(batch_id, n_said), ledgers.consignments(batch_id, 2), [], [])
    assert not ledgers.ledger.has_batch(batch_id)


def test_in_a_held_batch_every_row_is_held_and_own_reasons_stay(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3, held_code="batch.too_many_bad", codes={3: "document.other_cpr"})
    assert ledgers.counts(batch_id) == {State.HELD: 3}
    assert ledgers.ledger.code_counts(batch_id) == {"batch.too_many_bad": 2, "document.other_cpr": 1}
    assert ledgers.claim() == []


def test_a_row_held_on_its_own_does_not_hold_the_others(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(3, codes={3: "document.other_cpr"})
    assert ledgers.counts(batch_id) == {State.HELD: 1, State.READY: 2}


def test_rejected_lines_count_and_need_no_consignment(ledgers: LedgerHouse) -> None:
    rejections = [make_rejection(ledgers.vault, "later", line) for line in (5, 5, 6)]
    batch_id = ledgers.add(2, rejections=rejections)
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert (summary.n_lines, summary.n_rejected, summary.adds_up) == (4, 2, True)


def test_a_batch_of_rejections_alone_is_final(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(0, rejections=[make_rejection(ledgers.vault, "x", 2)])
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert summary.final
    assert summary.adds_up


def test_kept_files_come_out_as_they_went_in(ledgers: LedgerHouse) -> None:
    batch_id = "20261102-080000-000001"
    kept = [make_kept(ledgers.vault, batch_id, n, f"løs {n}.txt") for n in range(2)]
    assert ledgers.add(1, kept=kept) == batch_id
    assert [(entry.name, entry.n_bytes) for entry in ledgers.ledger.kept_files(batch_id)] == [
        ("løs 0.txt", 80),
        ("løs 1.txt", 80),
    ]


def test_what_was_sent_before_is_known_by_its_content(ledgers: LedgerHouse) -> None:
    vault, batch_id = ledgers.vault, ledgers.new_id()
    rows: list[NewConsignment] = [
        make_consignment(vault, batch_id, line, content_key=f"content-{line}") for line in (2, 3, 4)
    ]
    ledgers.ledger.record_batch(_batch(batch_id, 3), rows, [], [])
    ledgers.ledger.cancel(rows[2].id, actor="drift", reason="")
    keys = ["content-2", "content-3", "content-4", "content-5", *(f"unknown-{n}" for n in range(700))]
    assert ledgers.ledger.sent_before(SOURCE, keys) == {"content-2": rows[0].id, "content-3": rows[1].id}
    assert ledgers.ledger.sent_before("anden", keys) == {}


def test_a_claim_carries_the_whole_consignment(ledgers: LedgerHouse) -> None:
    ledgers.add(1, n_documents=3, digits=CVR)
    (claim,) = ledgers.claim()
    consignment = claim.consignment
    assert consignment.recipient.number.digits == CVR
    assert (consignment.title, consignment.recipient.name) == ("Lønseddel oktober", "Åse Ærøskøbing")
    assert (consignment.reference, consignment.extra) == ("ref-2", {"afdeling": "Øst"})
    assert [document.name for document in consignment.documents] == [f"seddel-{n}.pdf" for n in range(3)]
    assert [document.content.offset for document in consignment.documents] == [0, 1000, 2000]
    key = ledgers.vault.unwrap(
        consignment.documents[2].content.wrapped_key, ledgers.vault.key_id, TENANT, consignment.id, "2"
    )
    assert key == bytes(32)
    assert "Åse" not in repr(claim)
    assert CVR not in repr(claim)
