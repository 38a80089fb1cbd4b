"""Both ledgers: documents lose their keys by their material's days; later nothing of a person is left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from batch.ledger.store import METADATA
from batch.records import Deadlines, NewBatch
from schemas.errors import BadInput
from schemas.states import State
from tests.rigs.ledgers import (
    CPRS,
    SOURCE,
    TENANT,
    LedgerHouse,
    make_consignment,
    make_kept,
    make_rejection,
)

BATCH_ID = "20261102-080000-000001"
PACK = f"{SOURCE}/{BATCH_ID}.pack"


def closed(house: LedgerHouse, n: int = 2) -> str:
    """Returns a closed batch of `n` payslips, with a kept index and a rejected line."""
    batch_id = house.add(
        n,
        kept=[make_kept(house.vault, BATCH_ID, 0, "index.csv")],
        rejections=[make_rejection(house.vault, BATCH_ID, 9)],
    )
    assert batch_id == BATCH_ID
    return close(house, batch_id)


def close(house: LedgerHouse, batch_id: str) -> str:
    house.accept(house.claim(), final=True)
    for batch in house.ledger.to_answer():
        house.ledger.mark_answered(batch.id, batch.version)
    assert house.ledger.close_batch(batch_id)
    return batch_id


def days_on(house: LedgerHouse, days: float) -> Deadlines:
    """Returns the deadlines of a house with 30 days, in which contracts stay for 90 and notices for 5."""
    house.clock.wait(days * 86_400)
    now = house.clock()
    own = {"kontrakt": now - timedelta(days=90), "notits": now - timedelta(days=5)}
    return Deadlines(now - timedelta(days=30), own)


def mixed(house: LedgerHouse) -> str:
    """Returns a closed batch with a document of each of three materials."""
    names = ("loenseddel", "kontrakt", "notits")
    rows = [make_consignment(house.vault, BATCH_ID, n + 2, material=m) for n, m in enumerate(names)]
    kept = [make_kept(house.vault, BATCH_ID, 0, "index.csv")]
    batch = NewBatch(house.new_id(), SOURCE, "blandet", "folder", "f", len(rows), 0, 0, None)
    house.ledger.record_batch(batch, rows, [], kept)
    return close(house, BATCH_ID)


def keys_left(house: LedgerHouse) -> set[str]:
    """Returns the materials that have a document with a key; `index` for a kept file with one."""
    documents = (
        "SELECT DISTINCT material FROM consignment JOIN document ON consignment_id = consignment.id"
        " WHERE wrapped_key IS NOT NULL"
    )
    kept = "SELECT count(*) FROM kept_file WHERE wrapped_key IS NOT NULL"
    with house.ledger._store.database.reading() as connection:
        found = set(connection.scalars(text(documents)))
        return found | ({"index"} if connection.scalar(text(kept)) else set())


def test_keys_stay_until_their_days_are_over(ledgers: LedgerHouse) -> None:
    batch_id = closed(ledgers)
    deadlines = days_on(ledgers, 30)
    assert ledgers.ledger.to_purge(deadlines) == []
    assert ledgers.ledger.purge_batch(batch_id, deadlines) == []
    assert keys_left(ledgers) == {"loenseddel", "index"}
    assert ledgers.ledger.to_purge(days_on(ledgers, 0.1)) == [batch_id]


def test_each_material_has_its_own_days_and_the_index_goes_with_the_first(ledgers: LedgerHouse) -> None:
    batch_id = mixed(ledgers)
    seen = []
    for days in (5.1, 25, 60):
        deadlines = days_on(ledgers, days)
        assert ledgers.ledger.to_purge(deadlines) == [batch_id]
        packs = ledgers.ledger.purge_batch(batch_id, deadlines)
        assert ledgers.ledger.to_purge(deadlines) == []
        seen.append((keys_left(ledgers), packs))
    assert seen == [({"loenseddel", "kontrakt"}, []), ({"kontrakt"}, []), (set(), [PACK])]
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None and summary.purged_at == ledgers.clock()


def test_without_its_keys_a_batch_still_knows_whom_it_went_to(ledgers: LedgerHouse) -> None:
    batch_id = closed(ledgers)
    assert ledgers.ledger.purge_batch(batch_id, days_on(ledgers, 31)) == [PACK]
    assert ledgers.ledger.kept_files(batch_id) == []
    standing = ledgers.ledger.standing(f"{batch_id}-00002")
    assert standing is not None and standing.consignment is not None
    assert standing.consignment.recipient.number.digits == CPRS[2]
    assert standing.consignment.documents == ()
    assert ledgers.ledger.by_recipient(CPRS[2]) == [f"{batch_id}-00002"]
    assert [line.reference for line in ledgers.ledger.lines(batch_id)] == ["ref-2", "ref-3", "ref-9"]


def test_purging_may_be_repeated(ledgers: LedgerHouse) -> None:
    batch_id = closed(ledgers)
    deadlines = days_on(ledgers, 31)
    first = ledgers.ledger.purge_batch(batch_id, deadlines)
    summary = ledgers.ledger.batch(batch_id)
    ledgers.clock.wait(60)
    assert ledgers.ledger.purge_batch(batch_id, deadlines) == first == [PACK]
    assert ledgers.ledger.batch(batch_id) == summary


def test_after_the_last_date_counts_and_events_stay_and_nothing_of_a_person_does(
    ledgers: LedgerHouse,
) -> None:
    batch_id = closed(ledgers)
    before = everything(ledgers)
    personal = sealed_values(ledgers)
    assert len(personal) == 2 + 2 * 2 + 2 + 1 + 1 + 2 * 2 + 3 + 1
    assert all(value in before for value in personal)
    ledgers.clock.wait(86_400)
    assert ledgers.ledger.to_erase(ledgers.clock() - timedelta(days=2)) == []
    assert ledgers.ledger.to_erase(ledgers.clock()) == [batch_id]
    assert ledgers.ledger.erase_batch(batch_id) == [PACK]
    after = everything(ledgers)
    assert [value for value in personal if value in after] == []
    assert ledgers.ledger.to_erase(ledgers.clock()) == []
    assert ledgers.ledger.to_purge(Deadlines(ledgers.clock() + timedelta(days=9))) == []
    summary = ledgers.ledger.batch(batch_id)
    assert summary is not None
    assert (summary.name, summary.erased_at, summary.purged_at) == ("", ledgers.clock(), ledgers.clock())
    assert (summary.counts, summary.n_lines, summary.n_rejected) == ({State.DELIVERED: 2}, 3, 1)
    standing = ledgers.ledger.standing(f"{batch_id}-00002")
    assert standing is not None and standing.consignment is None
    assert [event.to_state for event in standing.history] == [
        State.SENDING,
        State.ACCEPTED,
        State.DELIVERED,
    ]
    assert standing.receipt is not None and standing.receipt.external_id
    assert ledgers.ledger.by_recipient(CPRS[2]) == []
    assert [line.status for line in ledgers.ledger.lines(batch_id)] == ["delivered", "delivered", "rejected"]


def test_two_erased_batches_of_one_source_live_side_by_side_and_their_drops_are_unknown(
    ledgers: LedgerHouse,
) -> None:
    first = closed(ledgers)
    second = close(ledgers, ledgers.add(1))
    for batch_id in (first, second, second):
        assert len(ledgers.ledger.erase_batch(batch_id)) == 1
    keys = [ledgers.vault.content_key(TENANT, CPRS[2], "loenseddel", [f"{second}-2"]), ""]
    assert ledgers.ledger.sent_before(SOURCE, keys[:1]) == {}
    third = ledgers.add(1)
    assert {batch.id for batch in ledgers.ledger.batches()} == {first, second, third}


def test_an_open_or_unknown_batch_is_never_touched(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    far = Deadlines(ledgers.clock() + timedelta(days=9_000))
    assert ledgers.ledger.to_purge(far) == ledgers.ledger.to_erase(far.others) == []
    for work in (lambda one: ledgers.ledger.purge_batch(one, far), ledgers.ledger.erase_batch):
        with pytest.raises(BadInput, match=r"ledger\.not_closed"):
            work(batch_id)
        with pytest.raises(BadInput, match=r"ledger\.unknown_subject"):
            work("nothing")
    assert ledgers.claim()[0].consignment.title


def sealed_values(house: LedgerHouse) -> list[bytes]:
    """Returns every value of a closed batch that is made of a person: ciphertexts, keyed hashes, digests."""
    blobs = (
        "SELECT sealed FROM consignment",
        "SELECT sealed_name FROM document",
        "SELECT wrapped_key FROM document",
        "SELECT sealed_name FROM kept_file",
        "SELECT wrapped_key FROM kept_file",
        "SELECT sealed FROM rejection",
        "SELECT sealed_name FROM batch",
    )
    texts = (
        "SELECT recipient_key FROM consignment",
        "SELECT content_key FROM consignment",
        "SELECT sha256 FROM document",
        "SELECT sha256 FROM kept_file",
        "SELECT fingerprint FROM batch",
    )
    with house.ledger._store.database.reading() as connection:
        # The end of a blob is unlike any other's; the beginning says which key sealed it.
        found = [bytes(blob)[-40:] for query in blobs for blob in connection.scalars(text(query)) if blob]
        return found + [word.encode() for query in texts for word in connection.scalars(text(query)) if word]


def everything(house: LedgerHouse) -> bytes:
    """Returns SQLite's file with its log, or the content of every row and column of PostgreSQL."""
    url = make_url(house.url)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        names = (path, path.with_name(path.name + "-wal"))
        return b"".join(name.read_bytes() for name in names if name.exists())
    with house.ledger._store.database.reading() as connection:
        rows = [row for table in METADATA.sorted_tables for row in connection.execute(table.select())]
    return b"\n".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for row in rows
        for value in row
    )
