"""Reads the index of layout L1: finds the columns, counts every record's fields, hands the good rows on in
chunks.

Relies on `batch.index_text` for strict records and on pandas for the chunks' columns: only records whose
number of fields was counted and is right ever reach it, as it shifts columns silently otherwise
(facts/libraries.md). Judges no value: see `batch.rows`. Source of the layout: design 8.1.

What makes the whole index unusable is BadInput of the family `index`; what concerns one row is a `RowFault`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from batch.index_text import Record, find_encoding, is_utf8, read_records
from schemas.consignments import NOTHING
from schemas.errors import BadInput
from schemas.settings import CANONICAL_COLUMNS, SourceSettings

CHUNK_ROWS = 2_000
_TOTAL = "#ANTAL"
_SEPARATORS = {";": ";", ",": ",", "\t": "TAB", "|": "|"}


@dataclass(frozen=True, slots=True)
class RowFault:
    """A record that is not a row: its line and why."""

    line: int
    code: str
    params: Mapping[str, object] = NOTHING


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows as columns of equal length, values stripped of blanks at the ends.

    `columns` are canonical, `extra` the source's own by their names in the header. `faults` are the records
    between and after these rows that are none.
    """

    lines: Sequence[int]
    columns: Mapping[str, Sequence[str]] = field(repr=False)
    extra: Mapping[str, Sequence[str]] = field(repr=False)
    faults: Sequence[RowFault] = ()


@dataclass(frozen=True, slots=True)
class IndexTotals:
    """What the first pass over the whole index found.

    `control_total` is what `#ANTAL` says, None without one; `total_line` where it stands, and
    `total_readable` is False when it says no number. `digest` is a SHA-256 over every record's fields: line
    ends, byte order mark, encoding, quoting and blank lines make no difference.
    """

    n_lines: int
    control_total: int | None
    total_line: int
    total_readable: bool
    digest: bytes


class Index:
    """One index file; its header is read and checked when it is made."""

    def __init__(self, data: bytes, settings: SourceSettings, must: Sequence[str]) -> None:
        """`must` are the canonical columns that have to be there. Raises BadInput."""
        self._data = data
        self._settings = settings
        self._encoding = find_encoding(data, settings.encoding)
        header = next(self._records(), None)
        if header is None:
            raise BadInput("index.empty")
        self._header = _tidy_names(header[1])
        self._n_fields = len(header[1])
        self._names = self._name_columns(must)

    @property
    def looks_misdeclared(self) -> bool:
        """True when an index declared as cp1252 holds æøå written in UTF-8: its texts would come out
        garbled."""
        return self._encoding == "cp1252" and not self._data.isascii() and is_utf8(self._data)

    def _records(self) -> Iterator[Record]:
        return read_records(self._data, self._encoding, self._settings.separator)

    def _name_columns(self, must: Sequence[str]) -> list[str]:
        """Returns each named column's canonical name, or its own with a tab before it when it is unknown."""
        wanted = {_fold(self._settings.columns.get(name, name)): name for name in CANONICAL_COLUMNS}
        names = [wanted.get(_fold(own), f"\t{own}") for own in self._header]
        missing = [name for name in must if name not in names]
        if missing:
            self._refuse_other_separator(must)
            raise BadInput("index.missing_column", line=1, columns=", ".join(missing))
        for place, own in enumerate(self._header, 1):
            if not own:
                raise BadInput("index.unnamed_column", line=1, place=place)
            if _fold(own) in map(_fold, self._header[: place - 1]):
                raise BadInput("index.duplicate_column", line=1, place=place)
        return names

    def _refuse_other_separator(self, must: Sequence[str]) -> None:
        """Says so when the header would have the columns under another separator; never reads on with it."""
        own_names = {_fold(self._settings.columns.get(name, name)) for name in must}
        for other in _SEPARATORS:
            if other == self._settings.separator:
                continue
            names = {_fold(part.strip('" ')) for part in "".join(self._header[:1]).split(other)}
            if own_names <= names:
                expected = _SEPARATORS[self._settings.separator]
                raise BadInput("index.other_separator", line=1, expected=expected, found=_SEPARATORS[other])

    def scan(self) -> IndexTotals:
        """Reads the whole index once and judges what concerns all of it.

        Raises BadInput `index.open_quote`, `index.field_too_long`, `index.too_many_rows`,
        `index.total_not_last`.
        """
        records = self._records()
        digest, n_lines = sha256(_as_bytes(next(records)[1])), 0
        total: int | None = None
        total_line, readable = 0, True
        for line, fields in records:
            digest.update(_as_bytes(fields))
            if total_line:
                raise BadInput("index.total_not_last", line=total_line)
            if _is_total(fields):
                total, total_line = _read_total(fields), line
                readable = total is not None
                continue
            n_lines += 1
            if n_lines > self._settings.max_rows:
                raise BadInput("index.too_many_rows", line=line, max_rows=self._settings.max_rows)
        return IndexTotals(n_lines, total, total_line, readable, digest.digest())

    def chunks(self, n_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yields the rows in order, `n_rows` records at a time."""
        lines: list[int] = []
        rows: list[list[str]] = []
        faults: list[RowFault] = []
        records = self._records()
        next(records)
        for line, fields in records:
            if _is_total(fields):
                continue
            fault = self._find_fault(line, fields)
            if fault is not None:
                faults.append(fault)
            else:
                lines.append(line)
                rows.append(fields)
            if len(lines) + len(faults) >= n_rows:
                yield self._as_chunk(lines, rows, faults)
                lines, rows, faults = [], [], []
        if lines or faults:
            yield self._as_chunk(lines, rows, faults)

    def _find_fault(self, line: int, fields: list[str]) -> RowFault | None:
        n_fields, n_columns = len(fields), len(self._names)
        if n_fields == self._n_fields and not any(fields[n_columns:]):
            if [_fold(text) for text in fields[:n_columns]] == [_fold(name) for name in self._header]:
                return RowFault(line, "row.repeated_header")
            return None
        params = {"n_fields": n_fields, "n_columns": n_columns}
        if n_fields < self._n_fields:
            return RowFault(line, "row.too_few_fields", params)
        return RowFault(line, "row.too_many_fields", params)

    def _as_chunk(self, lines: list[int], rows: list[list[str]], faults: list[RowFault]) -> Chunk:
        import pandas

        n_columns = len(self._names)
        named = [row[:n_columns] for row in rows] if n_columns < self._n_fields else rows
        frame = pandas.DataFrame(named, columns=self._names, index=lines, dtype=object)
        columns, extra = {}, {}
        for name in self._names:
            values = [value.strip() for value in frame[name].tolist()]
            if name.startswith("\t"):
                extra[name[1:]] = values
            else:
                columns[name] = values
        return Chunk(lines, columns, extra, faults)


def _tidy_names(fields: Sequence[str]) -> list[str]:
    """Returns a header's names without blanks around them and without nameless columns at the end."""
    names = [name.strip().strip("\ufeff") for name in fields]
    while names and not names[-1]:
        names.pop()
    return names


def _as_bytes(fields: Sequence[str]) -> bytes:
    return ("\x1f".join(fields) + "\x1e").encode("utf-8")


def _fold(name: str) -> str:
    return name.strip().casefold()


def _is_total(fields: Sequence[str]) -> bool:
    return fields[0].lstrip()[: len(_TOTAL)].upper() == _TOTAL


def _read_total(fields: Sequence[str]) -> int | None:
    """Returns the number a total line says, None when it says none."""
    said = [text.strip() for text in fields[1:] if text.strip()]
    if fields[0].strip().upper() != _TOTAL or len(said) != 1 or not (said[0].isascii() and said[0].isdigit()):
        return None
    return int(said[0][:18])
