"""The verb purge: destroys what `[retention]` says is over, documents first, what is left of a person later.

Relies on the ledger and the document store. Counts, events and receipts stay. Every step may be cut off: the
next pass goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from batch.failpoints import failpoint
from batch.records import Deadlines
from jobs.answers import answer_folder
from jobs.house import House

ENROLMENT_SECONDS = 24 * 3600.0
"""No channel may use an older answer about enrolment (facts/eboks.md), so nobody needs it."""


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """How many batches lost documents, how many everything of a person, and how many refused drops went."""

    n_batches: int
    n_erased: int
    n_refused_drops: int


def purge(house: House, *, stop: Callable[[], bool] = lambda: False) -> PurgeResult:
    """Makes one pass: keys first, files after, so that a crash between leaves noise for the next pass.

    Raises ServiceDown.
    """
    house.ledger.wipe_log()  # what a reader kept in it when the last pass ended
    n_batches = _purge_documents(house, stop)
    n_erased = _erase_evidence(house, stop)
    _remove_noise(house)
    house.ledger.enrolments.drop_older(ENROLMENT_SECONDS)
    return PurgeResult(
        n_batches, n_erased, _purge_quarantine(house, house.settings.retention.quarantine_days)
    )


def _deadlines(house: House) -> Deadlines:
    """Returns when a batch must have been closed, by the material's own days, else the house's."""
    now, days = house.now(), house.settings.retention.document_days
    own = {
        name: now - timedelta(days=material.document_days)
        for name, material in house.settings.materials.items()
        if material.document_days is not None
    }
    return Deadlines(now - timedelta(days=days), own)


def _purge_documents(house: House, stop: Callable[[], bool]) -> int:
    n_batches, deadlines = 0, _deadlines(house)
    for batch_id in house.ledger.to_purge(deadlines):
        if stop():
            break
        packs = house.ledger.purge_batch(batch_id, deadlines)
        failpoint("purge.keys_gone")
        for pack in packs:
            house.documents.remove_pack(pack)
        n_batches += 1
    return n_batches


def _erase_evidence(house: House, stop: Callable[[], bool]) -> int:
    """The answers go before the ledger forgets the batch: cut off between, the next pass begins anew."""
    before = house.now() - timedelta(days=house.settings.retention.evidence_days)
    n_erased = 0
    for batch_id in house.ledger.to_erase(before):
        if stop():
            break
        _remove_answers(house, batch_id)
        failpoint("purge.answers_gone")
        packs = house.ledger.erase_batch(batch_id)
        failpoint("purge.evidence_gone")
        for pack in packs:
            house.documents.remove_pack(pack)
        n_erased += 1
    return n_erased


def _remove_answers(house: House, batch_id: str) -> None:
    """Removes a batch's folder of answers: references and the sender's own columns stand in it."""
    batch = house.ledger.batch(batch_id)
    folder = answer_folder(house, batch.source) if batch else None
    if folder is not None and (folder / batch_id).is_dir():
        shutil.rmtree(folder / batch_id)


def _remove_noise(house: House) -> None:
    """Removes the packs of erased batches that a crash left behind."""
    for name, source in house.settings.sources.items():
        for path in sorted((source.folder / "arkiv").glob("*.pack")):
            batch = house.ledger.batch(path.stem)
            if batch is not None and batch.purged_at is not None:
                house.documents.remove_pack(f"{name}/{path.name}")


def _purge_quarantine(house: House, days: int) -> int:
    oldest = (house.now() - timedelta(days=days)).timestamp()
    n_gone = 0
    for source in house.settings.sources.values():
        folder = source.folder / "karantaene"
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink() and entry.stat().st_mtime < oldest:
                shutil.rmtree(entry)
                n_gone += 1
    return n_gone
