"""Writes the demo's drop: a payslip for everyone, and a few faults, each of a different kind.

Relies on the invented people and on pikepdf for the one file that is locked by a password. The faults stay
under five per cent of the rows, so that the batch goes; what becomes of each is told in `FAULTS`.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.demo.payslips import payslip
from jobs.demo.people import Employee, employees, without_mod11

HEADER = "modtager;titel;fil;reference;afdeling;navn;email;kode"
TITLE = "Lønseddel november 2026"
SPECIAL = ("never_logged_in", "exempt", "dead", "minor", "not_found")
"""The simulator's persons that take part: the first one's mail waits, the others can't be reached."""
FIRST_SPECIAL, FIRST_BY_MAIL = 10, 20
BY_MAIL = (
    *(f"{name}@klinik.example" for name in ("anna", "bo", "carla", "dan")),
    *(f"{name}@kommune.example" for name in ("eva", "finn", "grethe")),
    *(f"{name}@firma.example" for name in ("hans", "ida", "jens")),
)
"""Who is exempt from e-Boks and has a mail address: with a certificate, behind a gateway, with TLS alone."""
NO_WAY = "karen@gammel.example"
"""One who is exempt too, and whose mail server can't encrypt at all."""
BY_PORTAL = {"olga@privat.example": "grovbolle 4172", "poul@privat.example": "kanelsnegl 9035"}
"""Who is exempt, and whose mail server can't show who it is; and what the employer told each on paper."""
EXEMPT = frozenset((*BY_MAIL, NO_WAY, *BY_PORTAL))
SPECIAL_MAIL = {
    "exempt": "lise@kommune.example",
    "minor": "mona@firma.example",
    "not_found": "nis@firma.example",
}


@dataclass(slots=True)
class Row:
    """One line of the index before it is written, and its file."""

    employee: Employee = field(repr=False)
    recipient: str = field(repr=False)
    file: str
    content: bytes = field(repr=False)
    material: str = ""
    email: str = field(default="", repr=False)
    extra_field: bool = False
    left_out: bool = False  # the file is named, and not there

    def line(self) -> str:
        fields = [self.recipient, TITLE, self.file, str(self.employee.number), "Bageriet"]
        fields += [self.employee.name, self.email, BY_PORTAL.get(self.email, "")]
        return ";".join([*fields, self.material, *(["for meget"] if self.extra_field else [])])


def _lose_zero(rows: list[Row], chance: random.Random) -> None:
    row = next(row for row in rows if row.recipient.startswith("0"))
    row.recipient = row.recipient[1:]


def _break_sum(rows: list[Row], chance: random.Random) -> None:
    row = rows[40]
    number = without_mod11(chance)
    row.recipient = number
    row.content = payslip(replace(row.employee, cpr=number))


def _swap_files(rows: list[Row], chance: random.Random) -> None:
    rows[60].content, rows[61].content = rows[61].content, rows[60].content


def _impossible_date(rows: list[Row], chance: random.Random) -> None:
    rows[80].recipient = "3104883981"  # 31 April: facts of the public rules, no person


def _forget_file(rows: list[Row], chance: random.Random) -> None:
    rows[90].left_out = True


def _lock_file(rows: list[Row], chance: random.Random) -> None:
    import pikepdf

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(rows[100].content)) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="demo", user="demo"))
    rows[100].content = out.getvalue()


def _ragged_row(rows: list[Row], chance: random.Random) -> None:
    rows[110].extra_field = True


def _unknown_material(rows: list[Row], chance: random.Random) -> None:
    rows[120].material = "feriebrev"


FAULTS: tuple[Callable[[list[Row], random.Random], None], ...] = (
    _lose_zero,
    _break_sum,
    _swap_files,
    _impossible_date,
    _forget_file,
    _lock_file,
    _ragged_row,
    _unknown_material,
)
MIN_EMPLOYEES = 130


def write_drop(inbox: Path, name: str, rows: list[Row]) -> None:
    """Writes a sealed drop into the inbox; the marker comes last."""
    folder = inbox / name
    folder.mkdir()
    for row in rows:
        if not row.left_out:
            (folder / row.file).write_bytes(row.content)
    (folder / "ferieplan.pdf").write_bytes(payslip(rows[-1].employee) + b"\n")  # a file nobody names
    lines = [f"{HEADER};materiale", *(row.line() for row in rows), f"#ANTAL;{len(rows)}"]
    (folder / "index.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig")
    (inbox / f"{name}.klar").touch()


def make_rows(n_employees: int, seed: int = 2026) -> list[Row]:
    """Returns the lines of the index with their files, faults and special persons included."""
    from eboks.simulator.persons import person

    people = employees(max(n_employees, MIN_EMPLOYEES), seed)
    for index, word in enumerate(SPECIAL):
        people[FIRST_SPECIAL + index] = replace(people[FIRST_SPECIAL + index], cpr=person(word).number)
    rows = [Row(one, one.cpr, f"loenseddel-{one.number}.pdf", payslip(one)) for one in people]
    for index, word in enumerate(SPECIAL):
        rows[FIRST_SPECIAL + index].email = SPECIAL_MAIL.get(word, "")
    for row, address in zip(rows[FIRST_BY_MAIL:], (*BY_MAIL, NO_WAY, *BY_PORTAL), strict=False):
        row.email = address
    chance = random.Random(seed + 1)
    for fault in FAULTS:
        fault(rows, chance)
    return rows
