"""Reads a daily enrolment list (Tilmeldingsliste): a CSV of our own form, strictly and with flat memory.

The form stands in docs/enrolment.md; facts/eboks c knows that such a list exists as CSV, not its columns.
Relies on `batch.index_text` for strict records and on `schemas.identity_columns` for the numbers. What makes
the whole file unusable is BadInput of the family `enrolment_list`; a bad line is a `ListFault`. Writes
nothing.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from batch.index_text import Record, read_text_records
from batch.listed import ListedLine, ListFault
from schemas.channels import EVERY_PLACE, group_place
from schemas.enrolment import Enrolment
from schemas.errors import BadInput
from schemas.identity import mask_numbers

COLUMNS = ("modtagertype", "modtager", "materialer", "grupper", "status")
MUST = ("modtagertype", "modtager", "status")
STATUSES = {
    "tilmeldt": Enrolment.ENROLLED,
    "ikke_tilmeldt": Enrolment.NOT_FOR_MATERIAL,
    "fritaget": Enrolment.EXEMPT,
    "findes_ikke": Enrolment.NOT_FOUND,
    "død": Enrolment.DEAD,
    "doed": Enrolment.DEAD,
    "mindreårig": Enrolment.MINOR,
    "mindreaarig": Enrolment.MINOR,
    "ukendt": Enrolment.UNKNOWN,
}
"""The list's words for what is known, in any case of letters."""

CHUNK_LINES = 20_000
"""Lines in one transaction: fewer would write the same index pages over and over."""

_PIECE_BYTES = 1024 * 1024
_TOTAL = "#ANTAL"
_SEPARATOR = ";"
_MATERIAL = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListTotal:
    """What the last line says: how many lines, and of when the list is (None: it does not say)."""

    n_lines: int
    dated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListChunk:
    """Some lines, judged: the usable ones and the others."""

    lines: Sequence[ListedLine]
    faults: Sequence[ListFault]


class EnrolmentListFile:
    """One file, looked through once when it is made (encoding, digest), then read with `chunks`.

    `n_line_ends` is how many lines it may have, for a progress bar. After the last chunk `total` holds what
    `#ANTAL` says, None without one, and `n_lines` how many lines there were. `changed_at` is when the file
    was last written.
    """

    def __init__(self, path: Path, today: date) -> None:
        """Raises BadInput, OSError."""
        self._path = path
        self._today = today
        self.total: ListTotal | None = None
        self.n_lines = 0
        with path.open("rb") as file:
            self._stamp = _stamp(file)
            self._encoding, self.sha256, self.n_line_ends = _look_through(file)
        self.changed_at = datetime.fromtimestamp(self._stamp[0] / 1e9, UTC)

    def chunks(self) -> Iterator[ListChunk]:
        """Yields all lines in order, judged; raises BadInput for what makes the whole file unusable."""
        with self._path.open("rb") as file:
            text = io.TextIOWrapper(file, encoding=self._encoding, newline="")
            records = self._lines(_own_codes(read_text_records(text, _SEPARATOR)))
            header = _read_header(next(records, None))
            while part := list(islice(records, CHUNK_LINES)):
                yield self._judge(header, part)
            if _stamp(file) != self._stamp:
                raise BadInput("enrolment_list.changed_meanwhile")

    def _lines(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yields the records up to the total, which has to be the last."""
        for line, fields in records:
            if self.total is not None:
                raise BadInput("enrolment_list.total_not_last", line=line)
            if fields[0].strip().upper().startswith(_TOTAL):
                self.total = _read_total(line, fields)
                continue
            if line > 1:
                self.n_lines += 1
            yield line, fields

    def _judge(self, header: Sequence[str], part: Sequence[Record]) -> ListChunk:
        from schemas.identity_columns import judge_recipients

        whole = [(line, fields) for line, fields in part if len(fields) == len(header)]
        faults = [_miscounted(line, fields, header) for line, fields in part if len(fields) != len(header)]
        rows = [dict(zip(header, map(str.strip, fields), strict=True)) for _, fields in whole]
        kinds = [row["modtagertype"].lower() for row in rows]
        judged = judge_recipients([row["modtager"] for row in rows], kinds, self._today)
        lines: list[ListedLine] = []
        for at, (line, _) in enumerate(whole):
            row = rows[at]
            number = str(judged.numbers[at])
            found = _read_row(line, row, number, str(judged.codes[at]))
            if isinstance(found, ListedLine):
                lines.append(found)
            else:
                faults.append(found)
        return ListChunk(lines, sorted(faults, key=lambda fault: fault.line))


def _stamp(file: BinaryIO) -> tuple[int, int, int]:
    """Returns what shows that a file is still the one that was looked through."""
    found = os.fstat(file.fileno())
    return found.st_mtime_ns, found.st_size, found.st_ino


def _look_through(file: BinaryIO) -> tuple[str, str, int]:
    """Returns the encoding that reads the whole file, its SHA-256 and how many line ends it has."""
    digest, n_line_ends, is_utf8, is_cp1252 = hashlib.sha256(), 0, True, True
    utf8 = codecs.getincrementaldecoder("utf-8-sig")()
    while piece := file.read(_PIECE_BYTES):
        if b"\0" in piece:
            raise BadInput("enrolment_list.bad_encoding")
        digest.update(piece)
        n_line_ends += piece.count(b"\n")
        is_utf8 = is_utf8 and _decodes(utf8, piece)
        is_cp1252 = is_cp1252 and _decodes(codecs.getincrementaldecoder("cp1252")(), piece)
    is_utf8 = is_utf8 and _decodes(utf8, b"", final=True)
    if not (is_utf8 or is_cp1252):
        raise BadInput("enrolment_list.bad_encoding")
    return "utf-8-sig" if is_utf8 else "cp1252", digest.hexdigest(), n_line_ends


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _own_codes(records: Iterator[Record]) -> Iterator[Record]:
    """Says what can't be read in the words of this family: the index's speak of a drop."""
    try:
        yield from records
    except BadInput as fault:
        raise BadInput("enrolment_list.unreadable_line", line=fault.line) from None


def _read_header(record: Record | None) -> list[str]:
    if record is None:
        raise BadInput("enrolment_list.no_header")
    names = [name.strip().lower() for name in record[1]]
    fits = set(MUST) <= set(names) <= set(COLUMNS) and {"materialer", "grupper"} & set(names)
    if not fits or len(set(names)) != len(names):
        raise BadInput("enrolment_list.no_header")
    return names


def _read_total(line: int, fields: Sequence[str]) -> ListTotal:
    """Reads `#ANTAL;<n>` or `#ANTAL;<n>;<time with zone>`; empty fields behind are a spreadsheet's."""
    said = [text.strip() for text in fields[1:]]
    while said and not said[-1]:
        said.pop()
    whole = fields[0].strip().upper() == _TOTAL and 1 <= len(said) <= 2
    if not whole or not (said[0].isascii() and said[0].isdigit() and len(said[0]) <= 9):
        raise BadInput("enrolment_list.bad_total", line=line)
    return ListTotal(int(said[0]), _read_moment(line, said[1]) if len(said) == 2 else None)


def _read_moment(line: int, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput("enrolment_list.bad_total", line=line) from None
    if at.tzinfo is None:
        raise BadInput("enrolment_list.bad_total", line=line)
    return at.astimezone(UTC)


def _miscounted(line: int, fields: Sequence[str], header: Sequence[str]) -> ListFault:
    params = {"n_fields": len(fields), "n_columns": len(header)}
    return ListFault(line, "enrolment_list.wrong_fields", params=params)


def _read_row(line: int, row: dict[str, str], number: str, number_code: str) -> ListedLine | ListFault:
    """Returns the line, or its first fault."""
    if row["modtagertype"].lower() not in ("cpr", "cvr"):
        return ListFault(line, "enrolment_list.bad_type", "modtagertype", masked_number(row["modtager"]))
    if not number:
        return ListFault(line, number_code, "modtager", masked_number(row["modtager"]))
    said = _read_said(row["status"], row.get("materialer", ""), row.get("grupper", ""))
    if said.code:
        return ListFault(line, said.code, said.column, masked_number(row["modtager"]))
    return ListedLine(line, number, said.answer, said.places)


class _Said(NamedTuple):
    """What the columns behind the number say, or the code and column of what is wrong with them."""

    answer: Enrolment
    places: tuple[str, ...] = ()
    code: str = ""
    column: str = ""


@lru_cache(maxsize=4096)  # a list says the same few things over and over
def _read_said(status: str, materials: str, groups: str) -> _Said:
    answer = STATUSES.get(status.lower())
    if answer is None:
        return _Said(Enrolment.UNKNOWN, code="enrolment_list.bad_status", column="status")
    places: list[str] = []
    for column, cell, pattern in (("materialer", materials, _MATERIAL), ("grupper", groups, _GROUP)):
        parts = [part.strip() for part in cell.split("|")] if cell else []
        if cell != EVERY_PLACE and not all(map(pattern.fullmatch, parts)):
            return _Said(answer, code="enrolment_list.bad_places", column=column)
        places += map(group_place, parts) if pattern is _GROUP and cell != EVERY_PLACE else parts
    if bool(places) is not (answer is Enrolment.ENROLLED):
        return _Said(answer, code="enrolment_list.bad_places", column="materialer")
    return _Said(answer, (EVERY_PLACE,) if EVERY_PLACE in places else tuple(places))


def masked_number(text: str) -> str:
    """Returns what people may see of a cell that should hold a number; a dash for one of no known shape."""
    shown = mask_numbers(text)
    if "•" in shown and len(shown) <= 20:
        return shown
    return text if len(text) == 8 and text.isascii() and text.isdigit() else "–"
