"""The verb purge: destroys the keys of documents whose time is over, and empties old quarantine.

Relies on the ledger and the document store. The proof of delivery (ids, hashes, times, outcome) stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from batch.failpoints import failpoint
from jobs.house import House


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """How many batches lost their documents and how many refused drops were thrown away."""

    n_batches: int
    n_refused_drops: int


def purge(house: House, *, stop: Callable[[], bool] = lambda: False) -> PurgeResult:
    """Makes one pass: keys first, files after, so that a crash between leaves noise for the next pass."""
    retention = house.settings.retention
    before = house.now() - timedelta(days=retention.document_days)
    n_batches = 0
    for batch_id in house.ledger.to_purge(before):
        if stop():
            break
        packs = house.ledger.purge_batch(batch_id)
        failpoint("purge.keys_gone")
        for pack in packs:
            house.documents.remove_pack(pack)
        n_batches += 1
    _remove_noise(house)
    return PurgeResult(n_batches, _purge_quarantine(house, retention.quarantine_days))


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
