"""The daily enrolment list is read strictly: a line is usable or on the error list, and none is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from batch.enrolment_list import EnrolmentListFile, ListTotal
from batch.listed import ListedLine
from schemas.enrolment import Enrolment
from schemas.errors import BadInput

TODAY = date(2026, 11, 24)
HEADER = "modtagertype;modtager;materialer;grupper;status"
CPR, CVR = "1408683994", "13748136"
GOOD = f"cpr;{CPR};179343|179344;loen;tilmeldt"


def write(
    folder: Path, *lines: str, encoding: str = "utf-8", end: str = "\n", total: str | None = None
) -> Path:
    path = folder / "liste.csv"
    total = f"#ANTAL;{len(lines)}" if total is None else total
    text = end.join([HEADER, *lines, *([total] if total else [])]) + end
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path) -> tuple[list[ListedLine], list[tuple[int, str, str, str]], EnrolmentListFile]:
    """Returns the usable lines, the faults (line, column, code, masked) and the file."""
    file = EnrolmentListFile(path, TODAY)
    chunks = list(file.chunks())
    faults = [(f.line, f.column, f.code, f.masked) for chunk in chunks for f in chunk.faults]
    return [line for chunk in chunks for line in chunk.lines], faults, file


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as error:
        read(path)
    return error.value.code


def test_a_line_says_who_is_enrolled_for_what(tmp_path):
    lines, faults, file = read(write(tmp_path, GOOD, f"cvr;{CVR};*;;tilmeldt", f"CPR;{CPR};;;Fritaget"))
    assert faults == []
    assert lines == [
        ListedLine(2, CPR, Enrolment.ENROLLED, ("179343", "179344", "g:loen")),
        ListedLine(3, CVR, Enrolment.ENROLLED, ("*",)),
        ListedLine(4, CPR, Enrolment.EXEMPT),
    ]
    assert (file.n_lines, file.total) == (3, ListTotal(3, None))


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("ikke_tilmeldt", Enrolment.NOT_FOR_MATERIAL),
        ("fritaget", Enrolment.EXEMPT),
        ("findes_ikke", Enrolment.NOT_FOUND),
        ("død", Enrolment.DEAD),
        ("DØD", Enrolment.DEAD),
        ("doed", Enrolment.DEAD),
        ("mindreårig", Enrolment.MINOR),
        ("mindreaarig", Enrolment.MINOR),
        ("ukendt", Enrolment.UNKNOWN),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_status_is_read_in_every_encoding(tmp_path, word, answer, encoding, end):
    lines, faults, _ = read(write(tmp_path, f"cpr;{CPR};;;{word}", encoding=encoding, end=end))
    assert (faults, [line.answer for line in lines]) == ([], [answer])


@pytest.mark.parametrize(
    ("line", "column", "code", "masked"),
    [
        (f"cpr;{CPR};1;tilmeldt", "", "enrolment_list.wrong_fields", ""),
        (f"cpr;{CPR};1;;tilmeldt;", "", "enrolment_list.wrong_fields", ""),
        (f";{CPR};1;;tilmeldt", "modtagertype", "enrolment_list.bad_type", "140868-••••"),
        (f"p;{CPR};1;;tilmeldt", "modtagertype", "enrolment_list.bad_type", "140868-••••"),
        ("cpr;3104883981;1;;tilmeldt", "modtager", "identity.bad_date", "310488-••••"),
        ("cpr;6704803999;1;;tilmeldt", "modtager", "identity.replacement", "670480-••••"),
        ("cpr;0000000000;1;;tilmeldt", "modtager", "identity.placeholder", "000000-••••"),
        ("cpr;506820456;1;;tilmeldt", "modtager", "identity.lost_zero", "50682-••••"),
        ("cpr;;1;;tilmeldt", "modtager", "identity.empty", "–"),
        ("cpr;Jens Jensen;1;;tilmeldt", "modtager", "identity.bad_format", "–"),
        ("cvr;13748135;1;;tilmeldt", "modtager", "identity.bad_cvr", "13748135"),
        (f"cpr;{CPR};1;;enrolled", "status", "enrolment_list.bad_status", "140868-••••"),
        (f"cpr;{CPR};1;;", "status", "enrolment_list.bad_status", "140868-••••"),
        (f"cpr;{CPR};;;tilmeldt", "materialer", "enrolment_list.bad_places", "140868-••••"),
        (f"cpr;{CPR};0;;tilmeldt", "materialer", "enrolment_list.bad_places", "140868-••••"),
        (f"cpr;{CPR};1|;;tilmeldt", "materialer", "enrolment_list.bad_places", "140868-••••"),
        (f"cpr;{CPR};loen;;tilmeldt", "materialer", "enrolment_list.bad_places", "140868-••••"),
        (f"cpr;{CPR};;løn;tilmeldt", "grupper", "enrolment_list.bad_places", "140868-••••"),
        (f"cpr;{CPR};1;;fritaget", "materialer", "enrolment_list.bad_places", "140868-••••"),
    ],
)
def test_a_bad_line_is_named_by_line_column_and_code_and_stops_no_other(tmp_path, line, column, code, masked):
    lines, faults, file = read(write(tmp_path, GOOD, line, GOOD))
    assert faults == [(3, column, code, masked)]
    assert [one.line for one in lines] == [2, 4]
    assert file.n_lines == 3


@pytest.mark.parametrize("number", ["0101653999", "0202653998"])
def test_a_number_that_fails_modulus_11_is_taken_since_the_register_names_it(tmp_path, number):
    lines, faults, _ = read(write(tmp_path, f"cpr;{number};1;;tilmeldt"))
    assert (faults, [line.number for line in lines]) == ([], [number])


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        "modtagertype;modtager;status",
        "modtager;materialer;status",
        "modtagertype;modtager;materialer;status;navn",
        "modtagertype;modtager;modtager;materialer;status",
        "modtagertype,modtager,materialer,status",
        "",
    ],
)
def test_a_file_without_the_right_header_is_refused(tmp_path, header):
    path = tmp_path / "liste.csv"
    path.write_text(f"{header}\n{GOOD}\n#ANTAL;1\n" if header else "", encoding="utf-8")
    assert refused(path) == "enrolment_list.no_header"


def test_columns_may_stand_in_any_order_and_one_of_materials_and_groups_is_enough(tmp_path):
    path = tmp_path / "liste.csv"
    path.write_text(
        f"Status;Grupper;Modtager;Modtagertype\ntilmeldt;loen|bank;{CPR};cpr\n#ANTAL;1\n", "utf-8"
    )
    lines, faults, _ = read(path)
    assert (faults, [line.places for line in lines]) == ([], [("g:loen", "g:bank")])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "enrolment_list.bad_encoding"),
        (f"{HEADER}\n{GOOD}\n".encode() + b"\x00\n", "enrolment_list.bad_encoding"),
        (f"{HEADER}\n".encode() + b"cpr;\x81;1;;d\xf8d\n", "enrolment_list.bad_encoding"),
        (f'{HEADER}\ncpr;"{CPR};1;;tilmeldt\n{GOOD}\n'.encode(), "enrolment_list.unreadable_line"),
        (f"{HEADER}\n{GOOD}\n#ANTAL;1\n{GOOD}\n".encode(), "enrolment_list.total_not_last"),
        (f"{HEADER}\n{GOOD}\n#ANTAL;mange\n".encode(), "enrolment_list.bad_total"),
        (f"{HEADER}\n{GOOD}\n#ANTAL\n".encode(), "enrolment_list.bad_total"),
        (f"{HEADER}\n{GOOD}\n#ANTAL;1;i går\n".encode(), "enrolment_list.bad_total"),
        (f"{HEADER}\n{GOOD}\n#ANTAL;1;2026-11-24T09:00:00\n".encode(), "enrolment_list.bad_total"),
    ],
)
def test_what_makes_the_whole_file_unusable_is_said(tmp_path, data, code):
    path = tmp_path / "liste.csv"
    path.write_bytes(data)
    assert refused(path) == code


def test_the_last_line_may_say_of_when_the_list_is(tmp_path):
    _, _, file = read(write(tmp_path, GOOD, total="#ANTAL;1;2026-11-24T09:00:00+01:00;;"))
    assert file.total == ListTotal(1, datetime(2026, 11, 24, 8, 0, tzinfo=UTC))


def test_a_file_that_is_cut_short_has_no_total(tmp_path):
    _, _, file = read(write(tmp_path, GOOD, GOOD, total=""))
    assert (file.total, file.n_lines) == (None, 2)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = write(tmp_path, *[GOOD] * 6_000)
    file = EnrolmentListFile(path, TODAY)
    chunks = file.chunks()
    next(chunks)
    with path.open("ab") as more:
        more.write(b"\n")
    with pytest.raises(BadInput) as error:
        list(chunks)
    assert error.value.code == "enrolment_list.changed_meanwhile"


def test_no_number_shows_in_what_is_made_of_a_line(tmp_path):
    lines, _, _ = read(write(tmp_path, GOOD))
    assert CPR not in repr(lines)
