"""Writes a batch's answers into the `kvittering/` folder of its source.

Relies on `batch.reports` for the files. Decides nothing about the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobs.house import House
from schemas.consignments import Rejection


def answer_folder(house: House, source: str) -> Path | None:
    """Returns where a source's answers go; None when the source is no longer in the settings."""
    settings = house.settings.sources.get(source)
    return settings.folder / "kvittering" if settings else None


def answer_batch(house: House, batch_id: str) -> Path | None:
    """Writes the four answers of a batch as it stands now; returns their folder."""
    from batch.reports import write_answers

    batch = house.ledger.batch(batch_id)
    folder = answer_folder(house, batch.source) if batch else None
    if folder is None:
        return None
    return write_answers(
        folder,
        house.ledger,
        batch_id,
        language=house.settings.house.language,
        simulated=house.simulated,
        now=house.now,
    )


def answer_refusal(house: House, source: str, batch_id: str, rejections: Sequence[Rejection]) -> Path | None:
    """Writes the answers for a drop that was refused whole; returns their folder."""
    from batch.reports import write_refusal

    folder = answer_folder(house, source)
    if folder is None:
        return None
    return write_refusal(
        folder,
        batch_id=batch_id,
        source=source,
        rejections=rejections,
        language=house.settings.house.language,
        now=house.now,
        simulated=house.simulated,
    )
