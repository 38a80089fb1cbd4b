"""Writes `kvittering.csv` and `fejlliste.csv` line by line, however many lines there are.

Relies on the csv module and on `batch.reports.neutral`. Form (design 8.2): `;`, UTF-8 with BOM, CRLF, a
header line; the sender's own unknown columns stand after ours. Holds no line in memory and counts nothing.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from batch.reports.answer_lines import AnswerLine
from batch.reports.neutral import masked, neutralised

RECEIPT_COLUMNS = (
    "linje",
    "reference",
    "status",
    "kanal",
    "kvitterings_id",
    "tidspunkt",
    "kode",
    "tekst",
)
ERROR_COLUMNS = (*RECEIPT_COLUMNS, "kolonne")


class EchoColumns:
    """The sender's own columns in the order first seen; both CSV answers share one."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def values(self, extra: Mapping[str, str]) -> list[str]:
        """Returns a row's own values in column order, masked; a name not seen before gets the next place."""
        for name in extra:
            self._place.setdefault(name, len(self._place))
        return [masked(extra.get(name, "")) for name in self._place]

    def names(self) -> list[str]:
        """Returns the header names, masked; one that is also a name of ours says whose it is."""
        taken = set(ERROR_COLUMNS)
        shown = (masked(name) for name in self._place)
        return [f"{name} (afsender)" if name.strip().lower() in taken else name for name in shown]


class AnswerTable:
    """One CSV answer under way; use it in a `with`. Leaving it in peace makes the file whole."""

    def __init__(self, path: Path, columns: Sequence[str], echo: EchoColumns) -> None:
        self._path = path
        self._columns = columns
        self._echo = echo
        self._n_headed: int | None = None
        self._file = _open_new(path)
        self._writer = csv.writer(self._file, delimiter=";", lineterminator="\r\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._n_headed is None:
            self._head()
        self._file.close()
        if kind is None and self._n_headed != len(self._echo):
            self._widen()

    def add(self, line: AnswerLine, echoed: Sequence[str]) -> None:
        """Writes one line; `echoed` comes from the shared `EchoColumns`."""
        if self._n_headed is None:
            self._head()
        self._write([*cells(line)[: len(self._columns)], *echoed])

    def _head(self) -> None:
        self._n_headed = len(self._echo)
        self._write([*self._columns, *self._echo.names()])

    def _write(self, row: Iterable[str]) -> None:
        self._writer.writerow([neutralised(cell) for cell in row])

    def _widen(self) -> None:
        """Writes the file again under a wider header: a column of the sender's showed up after the first
        line (a rejected first line carries none)."""
        n_columns = len(self._columns) + len(self._echo)
        wider = self._path.with_name(self._path.name + ".wide")
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as narrow, _open_new(wider) as target:
                rows = csv.reader(narrow, delimiter=";", strict=True)
                writer = csv.writer(target, delimiter=";", lineterminator="\r\n")
                next(rows)
                names = (neutralised(name) for name in self._echo.names())
                writer.writerow([*self._columns, *names])
                writer.writerows(row + [""] * (n_columns - len(row)) for row in rows)
            os.replace(wider, self._path)
        finally:
            wider.unlink(missing_ok=True)


def cells(line: AnswerLine) -> list[str]:
    """Returns a line's cells in the order of `ERROR_COLUMNS`."""
    return [
        str(line.line),
        line.reference,
        line.word,
        line.channel,
        line.receipt_id,
        line.at,
        line.code,
        line.sentence,
        line.column,
    ]


def _open_new(path: Path) -> TextIO:
    # A file name that was no proper UTF-8 must not stop an answer: what can't be written becomes "?".
    return path.open("w", encoding="utf-8-sig", errors="replace", newline="")
