"""Puts a drop that is refused whole into `karantaene/`, with the reasons beside it.

Relies on the catalogue for the words. Changes nothing in the drop and deletes nothing of it; writes no
answer: that is `batch.reports.write_refusal`, with the rejections that DropRefused carries or
`find_refusals` reads. Design 8.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch.drop_folder import QUARANTINE, TakenDrop
from batch.failpoints import failpoint
from batch.work_folder import fsync_folder, is_batch_id, rename_durably, write_whole
from schemas.catalogue import Language, explain
from schemas.consignments import Rejection
from schemas.errors import BadInput

REASONS_TEXT = "aarsag.txt"
REASONS_JSON = "aarsag.json"
_LANGUAGES: tuple[Language, ...] = ("da", "en")


class DropRefused(BadInput):
    """A drop that was refused whole; nothing of it was sent. Its `code` is the first rejection's."""

    def __init__(self, batch_id: str, rejections: Sequence[Rejection]) -> None:
        first = rejections[0]
        params = {name: value for name, value in first.params.items() if name != "line"}
        super().__init__(first.code, line=first.line or None, column=first.column or None, **params)
        self.batch_id = batch_id
        self.rejections = tuple(rejections)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What `karantaene/` says of one drop."""

    batch_id: str
    source: str
    refused_at: datetime
    rejections: tuple[Rejection, ...]


def as_rejection(fault: BadInput) -> Rejection:
    """Returns the rejection that a fault of a whole drop becomes."""
    return Rejection(fault.line or 0, fault.code, fault.column or "", dict(fault.params))


def quarantine(taken: TakenDrop, rejections: Sequence[Rejection], *, at: datetime) -> Path:
    """Moves a taken drop to `karantaene/<batch id>/<name>` and returns that folder.

    The reasons are written first: a crash in between leaves the drop in `arbejde/`, where the next intake
    finds the same faults again. Raises OSError.
    """
    folder = taken.work.source_folder / QUARANTINE / taken.batch_id
    folder.mkdir(mode=0o700, exist_ok=True)
    fsync_folder(folder.parent)
    write_whole(folder / REASONS_TEXT, _as_text(taken, rejections, at))
    write_whole(folder / REASONS_JSON, _as_json(taken, rejections, at))
    failpoint("quarantine.explained")
    # In a folder of its own, so that a drop of any name can lie beside the reasons.
    rename_durably(taken.path, folder / _free_name(taken.name))
    failpoint("quarantine.moved")
    taken.work.remove()
    return folder


def find_refusals(source_folder: Path) -> Iterator[Refusal]:
    """Yields what `karantaene/` holds, for an answer that a crash prevented; skips what it can't read."""
    for folder in sorted((source_folder / QUARANTINE).iterdir()):
        if not is_batch_id(folder.name):
            continue
        try:
            yield _read(folder)
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _free_name(name: str) -> str:
    return f"_{name}" if name in (REASONS_TEXT, REASONS_JSON) else name


def _as_text(taken: TakenDrop, rejections: Sequence[Rejection], at: datetime) -> str:
    lines = [f"{taken.batch_id}  {taken.source}  {at.isoformat(timespec='seconds')}"]
    for language in _LANGUAGES:
        lines.append("")
        for one in rejections:
            place = f"index.csv:{one.line} " if one.line else ""
            lines.append(f"{place}{explain(one.code, language, one.params)} [{one.code}]")
    return "\n".join(lines) + "\n"


def _as_json(taken: TakenDrop, rejections: Sequence[Rejection], at: datetime) -> str:
    faults = [
        {"line": one.line, "code": one.code, "column": one.column, "params": dict(one.params)}
        for one in rejections
    ]
    said = {
        "batch": taken.batch_id,
        "source": taken.source,
        "refused_at": at.isoformat(),
        "rejections": faults,
    }
    return json.dumps(said, ensure_ascii=False, indent=1, default=str) + "\n"


def _read(folder: Path) -> Refusal:
    said = json.loads((folder / REASONS_JSON).read_text(encoding="utf-8"))
    rejections = tuple(
        Rejection(one["line"], one["code"], one["column"], one["params"]) for one in said["rejections"]
    )
    at = datetime.fromisoformat(said["refused_at"])
    return Refusal(said["batch"], said["source"], at, rejections)
