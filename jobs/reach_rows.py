"""Reads whom a batch would go to, before it is delivered: a source's index, or a plain list of numbers.

Relies on `batch.index_reader` for an index, read as the source reads it, and on `schemas.identity_columns`
for the numbers. Opens no document and records nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from schemas.consignments import Recipient
from schemas.errors import ConfigurationError
from schemas.identity import Cpr, Cvr
from schemas.settings import Settings, SourceSettings

CHUNK_ROWS = 2_000
NUMBER_COLUMN = "modtager"


@dataclass(frozen=True, slots=True)
class ReachRow:
    """One line: who and which material. Without a recipient, `code` and `column` say what is wrong."""

    line: int
    recipient: Recipient | None = field(repr=False)
    material: str
    reference: str = field(default="", repr=False)
    code: str = ""
    column: str = ""


def read_index(settings: Settings, source: str, path: Path, today: date) -> Iterator[list[ReachRow]]:
    """Yields the rows of an index in chunks; raises BadInput for an index that can't be read at all."""
    from batch.index_reader import Chunk, Index

    own = settings.sources[source]
    must = ["modtager"] if own.material else ["modtager", "materiale"]
    index = Index(_read(path, own.max_file_bytes), own, must)
    index.scan()

    def judged(chunk: Chunk) -> list[ReachRow]:
        rows = _judge(chunk.lines, chunk.columns, own, settings, today)
        rows += [ReachRow(fault.line, None, "", code=fault.code) for fault in chunk.faults]
        return sorted(rows, key=lambda row: row.line)

    return map(judged, index.chunks(CHUNK_ROWS))


def read_numbers(settings: Settings, material: str, path: Path, today: date) -> Iterator[list[ReachRow]]:
    """Yields the numbers of a list, one a line; a header may stand first, what follows a `;` is not read."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        cells = ((line, text.partition(";")[0].strip()) for line, text in enumerate(file, start=1))
        wanted = ((line, cell) for line, cell in cells if cell and not _is_header(line, cell))
        while part := list(islice(wanted, CHUNK_ROWS)):
            columns = {NUMBER_COLUMN: [cell for _, cell in part]}
            own = SourceSettings(folder=Path(), material=material)
            yield _judge([line for line, _ in part], columns, own, settings, today)


def _read(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ConfigurationError("usage.too_large", max_bytes=max_bytes)
    return data


def _is_header(line: int, cell: str) -> bool:
    return line == 1 and cell.strip('"').casefold() == NUMBER_COLUMN


def _judge(
    lines: Sequence[int],
    columns: Mapping[str, Sequence[str]],
    own: SourceSettings,
    settings: Settings,
    today: date,
) -> list[ReachRow]:
    from schemas.identity_columns import judge_recipients

    blank = ("",) * len(lines)
    kinds = columns.get("modtagertype", blank)
    judged = judge_recipients(list(columns[NUMBER_COLUMN]), list(kinds), today)
    rows: list[ReachRow] = []
    for at, line in enumerate(lines):
        values = {name: column[at] for name, column in columns.items()}
        material = values.get("materiale", "").casefold() or own.material or ""
        number = str(judged.numbers[at]) or (str(judged.repaired[at]) if own.repair_lost_zero else "")
        rows.append(
            _row(line, values, material, number, str(judged.kinds[at]), str(judged.codes[at]), settings)
        )
    return rows


def _row(
    line: int,
    values: Mapping[str, str],
    material: str,
    number: str,
    kind: str,
    number_code: str,
    settings: Settings,
) -> ReachRow:
    reference = values.get("reference", "")
    if material not in settings.materials:
        code = "row.unknown_material" if material else "row.no_material"
        return ReachRow(line, None, "", reference, code, "materiale")
    if not number:
        return ReachRow(line, None, material, reference, number_code, NUMBER_COLUMN)
    recipient = Recipient(
        Cvr(number) if kind == "cvr" else Cpr(number),
        values.get("navn", ""),
        values.get("email", ""),
        values.get("mobil", ""),
    )
    return ReachRow(line, recipient, material, reference)
