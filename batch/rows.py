"""Judges the rows of an index: each becomes a row that may be sent, one that waits, or a list of its faults.

Relies on `schemas.identity_columns` for the recipients of a whole chunk at once and on the settings for
materials. Opens no file: it asks the drop whether a file is there and how large. All faults of a row are
found, and no fault carries a value of the row. Source of the rules: design 8.1, facts/identity.md,
facts/uddata.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from batch.drop_names import INDEX, extension_of, fold, is_control, is_plain
from batch.index_reader import Chunk
from batch.media_types import ALIASES, MEDIA_TYPES
from schemas.consignments import NOTHING, RecipientKind
from schemas.identity import Cpr
from schemas.identity_columns import Judged, judge_recipients
from schemas.settings import MaterialSettings, SourceSettings

MAX_TITLE = 50
_NO_PARAMS: Mapping[str, object] = NOTHING
_PERSONAL_COLUMNS = ("titel", "navn", "email", "mobil")


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding about a row: why, in which canonical column, and safe parameters."""

    code: str
    column: str = ""
    params: Mapping[str, object] = _NO_PARAMS


@dataclass(slots=True, repr=False)
class JudgedRow:
    """A row with everything found about it.

    With `faults` it is rejected; else with `holds` it waits for a person; else it may go. `files` are the
    names of files that lie in the drop, the main document first. `number` is the digits to send to,
    `number` of a held row with a lost zero the repaired ones.
    """

    line: int
    kind: RecipientKind = RecipientKind.CPR
    number: str = ""
    material: str = ""
    title: str = ""
    name: str = ""
    email: str = ""
    mobile: str = ""
    reference: str = ""
    extra: Mapping[str, str] = NOTHING
    files: tuple[str, ...] = ()
    holds: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"JudgedRow(line={self.line})"

    def hold_for(self, fault: Fault, *, foremost: bool = False) -> None:
        """Lets the row wait for a person; the first reason is the one it is held by, `foremost` comes before
        those found earlier."""
        self.holds.insert(0 if foremost else len(self.holds), fault)


class RowJudge:
    """Judges one drop's rows in order; remembers which file was first named on which line."""

    def __init__(
        self,
        source: SourceSettings,
        materials: Mapping[str, MaterialSettings],
        *,
        today: date,
        size: Callable[[str], int | None],
        max_bytes: Callable[[str], int],
    ) -> None:
        """`size` is a file's size in the drop, None when it is not there; `max_bytes` a material's
        greatest."""
        self._source = source
        self._materials = materials
        self._today = today
        self._size = size
        self._max_bytes = max_bytes
        self.first_named: dict[str, int] = {}

    def judge(self, chunk: Chunk) -> Iterator[JudgedRow]:
        """Yields one judged row per row of the chunk."""
        n_rows = len(chunk.lines)
        blank = ("",) * n_rows
        numbers = chunk.columns.get("modtager", blank)
        types = chunk.columns.get("modtagertype", blank)
        default = self._source.recipient_type or ""
        judged = judge_recipients(list(numbers), list(types), self._today, default)
        for at, line in enumerate(chunk.lines):
            values = {name: column[at] for name, column in chunk.columns.items()}
            row = JudgedRow(line, reference=values.get("reference", ""))
            if chunk.extra:
                row.extra = {name: column[at] for name, column in chunk.extra.items()}
            self._judge_recipient(row, judged, at)
            material = self._judge_material(row, values.get("materiale", ""))
            self._judge_texts(row, values, material)
            self._judge_files(row, values, material)
            yield row

    def _judge_recipient(self, row: JudgedRow, judged: Judged, at: int) -> None:
        code = judged.codes[at]
        row.number = str(judged.numbers[at])
        if judged.kinds[at] == "cvr":
            row.kind = RecipientKind.CVR
        if not code:
            return
        if not judged.held[at]:
            row.faults.append(Fault(code, "modtager"))
            return
        repaired = str(judged.repaired[at])
        if not repaired:
            row.hold_for(Fault(code, "modtager"))
            return
        row.number = repaired
        offered = {"repaired": Cpr(repaired).masked}
        if self._source.repair_lost_zero:
            row.warnings.append(Fault("identity.repaired_zero", "modtager", offered))
        else:
            row.hold_for(Fault(code, "modtager", offered))

    def _judge_material(self, row: JudgedRow, said: str) -> MaterialSettings | None:
        row.material = said.casefold() or self._source.material or ""
        material = self._materials.get(row.material)
        if material is None:
            code = "row.unknown_material" if row.material else "row.no_material"
            row.material = ""
            row.faults.append(Fault(code, "materiale"))
        return material

    def _judge_texts(
        self, row: JudgedRow, values: Mapping[str, str], material: MaterialSettings | None
    ) -> None:
        row.title = values.get("titel", "") or (material.title if material else None) or ""
        row.name, row.email = values.get("navn", ""), values.get("email", "")
        row.mobile = values.get("mobil", "")
        if not row.title and (material is not None or "titel" in values):
            row.faults.append(Fault("row.no_title", "titel"))
        if len(row.title) > MAX_TITLE:
            params = {"n_signs": len(row.title), "max_signs": MAX_TITLE}
            row.faults.append(Fault("row.title_too_long", "titel", params))
        for column, text in zip(_PERSONAL_COLUMNS, (row.title, row.name, row.email, row.mobile), strict=True):
            if not text.isprintable() and any(map(is_control, text)):
                row.faults.append(Fault("row.control_sign", column))

    def _judge_files(
        self, row: JudgedRow, values: Mapping[str, str], material: MaterialSettings | None
    ) -> None:
        main = values.get("fil", "")
        if not main:
            row.faults.append(Fault("row.no_file", "fil"))
        names = [("fil", main)] if main else []
        names += [("bilag", part) for text in values.get("bilag", "").split("|") if (part := text.strip())]
        found: dict[str, None] = {}
        for column, name in names:
            folded = fold(name)
            if not self._judge_name(row, column, folded):
                continue
            self._note_naming(row, column, folded, found)
            found[folded] = None
            if material is not None:
                self._judge_document(row, column, folded, material)
        row.files = tuple(found)

    def _judge_name(self, row: JudgedRow, column: str, name: str) -> bool:
        """True when a name means a file of this drop; else notes why not."""
        if not is_plain(name):
            row.faults.append(Fault("row.file_outside", column))
        elif name.lower() == INDEX:
            row.faults.append(Fault("row.file_is_index", column))
        elif self._size(name) is None:
            row.faults.append(Fault("row.file_missing", column))
        else:
            return True
        return False

    def _note_naming(self, row: JudgedRow, column: str, name: str, found: Mapping[str, None]) -> None:
        first = self.first_named.setdefault(name, row.line)
        if first != row.line or name in found:
            row.warnings.append(Fault("row.file_named_twice", column, {"first_line": first}))

    def _judge_document(self, row: JudgedRow, column: str, name: str, material: MaterialSettings) -> None:
        extension = extension_of(name)
        if extension not in {ALIASES.get(one, one) for one in material.extensions}:
            params = {"extensions": ", ".join(material.extensions)}
            row.faults.append(Fault("row.extension_not_allowed", column, params))
        elif extension not in MEDIA_TYPES:
            row.faults.append(Fault("document.type_unknown", column))
        size, limit = self._size(name) or 0, self._max_bytes(row.material)
        if size == 0:
            row.faults.append(Fault("document.empty", column))
        if size > limit:
            row.faults.append(Fault("document.too_large", column, {"n_bytes": size, "max_bytes": limit}))


def must_columns(source: SourceSettings, materials: Mapping[str, MaterialSettings]) -> Sequence[str]:
    """Returns the canonical columns that an index of this source has to have (design 8.1)."""
    must = ["modtager"]
    if source.material is None:
        must.append("materiale")
    possible = [materials[source.material]] if source.material else list(materials.values())
    if not any(material.title for material in possible):
        must.append("titel")
    return (*must, "fil")
