"""Every fault of a row is found, in its column, and nothing of the row stands in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from batch.index_reader import Chunk
from batch.rows import JudgedRow, RowJudge, must_columns
from schemas.catalogue import Language, explain
from schemas.consignments import RecipientKind
from schemas.identity import judge_cpr
from schemas.settings import MaterialSettings, SourceSettings
from tests.rigs import drops

TODAY = date(2026, 11, 24)
SIZES = {"a.pdf": 1000, "b.pdf": 2000, "tom.pdf": 0, "stor.pdf": 5000, "æ.pdf": 10, "x.txt": 10, "y.jpeg": 10}
MATERIALS = {
    "loenseddel": MaterialSettings(title="Lønseddel"),
    "brev": MaterialSettings(extensions=("pdf", "txt", "jpg")),
}
GOOD = {"modtager": drops.OK, "materiale": "loenseddel", "fil": "a.pdf"}


def judge_all(rows: list[Mapping[str, str]], **source: Any) -> list[JudgedRow]:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, "") for row in rows] for name in names}
    judge = RowJudge(
        SourceSettings(folder=Path("loen"), **source),
        MATERIALS,
        today=TODAY,
        size=SIZES.get,
        max_bytes=lambda material: 4000,
    )
    return list(judge.judge(Chunk(range(2, 2 + len(rows)), columns, {"egen": [""] * len(rows)})))


def judge(changes: Mapping[str, str], **source: Any) -> JudgedRow:
    (row,) = judge_all([{**GOOD, **changes}], **source)
    return row


def found(row: JudgedRow) -> list[tuple[str, str]]:
    return [(fault.code, fault.column) for fault in row.faults]


P_NUMBER_LIKE_A_CPR = "1001700002"
P_NUMBERS = ("1013456789", "1003456789", "1001700004", "1001758004")
"""Ten digits like those of places of business: without a date, in the future, failing modulus 11, too old."""


@pytest.mark.parametrize(
    ("default", "said", "number", "expected"),
    [
        ("cpr", "", drops.OK, (RecipientKind.CPR, [])),
        ("cpr", "", drops.CVR, (RecipientKind.CPR, [("identity.bad_format", "modtager")])),
        ("cpr", "cvr", drops.CVR, (RecipientKind.CVR, [])),
        ("cpr", " CVR ", drops.OK, (RecipientKind.CVR, [("identity.bad_cvr", "modtager")])),
        ("cvr", "", drops.CVR, (RecipientKind.CVR, [])),
        ("cvr", "", drops.OK, (RecipientKind.CVR, [("identity.bad_cvr", "modtager")])),
        ("cvr", "cpr", drops.OK, (RecipientKind.CPR, [])),
        ("cvr", "pnr", drops.OK, (RecipientKind.CPR, [("identity.type_unknown", "modtager")])),
        (None, "", drops.CVR, (RecipientKind.CVR, [])),
    ],
)
def test_the_sources_type_counts_where_the_row_says_none(
    default: str | None, said: str, number: str, expected: tuple[RecipientKind, list[tuple[str, str]]]
) -> None:
    row = judge({"modtager": number, "modtagertype": said}, recipient_type=default)
    assert (row.kind, found(row)) == expected


def test_with_a_type_a_p_number_is_never_taken_for_a_person() -> None:
    assert judge_cpr(P_NUMBER_LIKE_A_CPR, TODAY).sendable
    for number in (P_NUMBER_LIKE_A_CPR, *P_NUMBERS):
        row = judge({"modtager": number}, recipient_type="cvr")
        assert found(row) == [("identity.bad_cvr", "modtager")]


@pytest.mark.parametrize("number", P_NUMBERS)
@pytest.mark.parametrize("language", ["da", "en"])
def test_an_untyped_number_that_is_no_plausible_cpr_says_what_to_do_with_a_p_number(
    number: str, language: Language
) -> None:
    row = judge({"modtager": number})
    fault = [*row.faults, *row.holds][0]
    said = explain(fault.code, language)
    assert "P-num" in str(said) and "CVR" in said.do


def test_a_good_row_has_everything_and_no_fault() -> None:
    row = judge(
        {
            "titel": "November",
            "bilag": "b.pdf",
            "navn": "N",
            "email": "e@x.dk",
            "mobil": "1",
            "reference": "r",
        }
    )
    assert (row.faults, row.holds, row.warnings) == ([], [], [])
    assert (row.kind, row.number, row.material, row.title) == (
        RecipientKind.CPR, drops.OK, "loenseddel", "November",
    )  # fmt: skip
    assert (row.files, row.name, row.email, row.mobile, row.reference) == (
        ("a.pdf", "b.pdf"),
        "N",
        "e@x.dk",
        "1",
        "r",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modtager": ""}, [("identity.empty", "modtager")]),
        ({"modtager": drops.REPLACEMENT}, [("identity.replacement", "modtager")]),
        ({"modtagertype": "p"}, [("identity.type_unknown", "modtager")]),
        ({"materiale": "faktura"}, [("row.unknown_material", "materiale")]),
        ({"materiale": ""}, [("row.no_material", "materiale")]),
        ({"materiale": "brev"}, [("row.no_title", "titel")]),
        ({"titel": "x" * 51}, [("row.title_too_long", "titel")]),
        ({"titel": "a\r\nBcc: x"}, [("row.control_sign", "titel")]),
        ({"navn": "a\nb"}, [("row.control_sign", "navn")]),
        ({"email": "a\x00b"}, [("row.control_sign", "email")]),
        ({"mobil": "1\u20282"}, [("row.control_sign", "mobil")]),
        ({"titel": "a\u202eb"}, [("row.control_sign", "titel")]),
        ({"fil": ""}, [("row.no_file", "fil")]),
        ({"fil": "c.pdf"}, [("row.file_missing", "fil")]),
        ({"fil": "../a.pdf"}, [("row.file_outside", "fil")]),
        ({"fil": "/a.pdf"}, [("row.file_outside", "fil")]),
        ({"fil": "x\\a.pdf"}, [("row.file_outside", "fil")]),
        ({"fil": "C:a.pdf"}, [("row.file_outside", "fil")]),
        ({"fil": ".."}, [("row.file_outside", "fil")]),
        ({"fil": "a\n.pdf"}, [("row.file_outside", "fil")]),
        ({"fil": "Index.CSV"}, [("row.file_is_index", "fil")]),
        ({"fil": "x.txt"}, [("row.extension_not_allowed", "fil")]),
        ({"fil": "tom.pdf"}, [("document.empty", "fil")]),
        ({"fil": "stor.pdf"}, [("document.too_large", "fil")]),
        ({"bilag": "b.pdf|c.pdf"}, [("row.file_missing", "bilag")]),
        ({"bilag": "| x.txt |"}, [("row.extension_not_allowed", "bilag")]),
        (
            {"modtager": "x", "materiale": "nej", "fil": "c.pdf", "bilag": "/d.pdf", "navn": "a\tb"},
            [
                ("identity.bad_format", "modtager"),
                ("row.unknown_material", "materiale"),
                ("row.control_sign", "navn"),
                ("row.file_missing", "fil"),
                ("row.file_outside", "bilag"),
            ],
        ),
    ],
)
def test_every_fault_is_found_in_its_column(changes: dict[str, str], expected: list[tuple[str, str]]) -> None:
    row = judge(changes)
    assert found(row) == expected
    shown = "".join(str(dict(fault.params)) for fault in row.faults) + repr(row)
    assert all(value not in shown for value in changes.values() if len(value) > 3)


@pytest.mark.parametrize(
    ("number", "code"), [(drops.LOST_ZERO, "identity.lost_zero"), ("0202653999", "identity.hold_no_mod11")]
)
def test_a_doubtful_number_waits_for_a_person(number: str, code: str) -> None:
    row = judge({"modtager": number})
    (hold,) = row.holds
    assert (row.faults, hold.code, len(row.number)) == ([], code, 10)


def test_a_company_is_a_company() -> None:
    row = judge({"modtager": f"DK {drops.CVR}", "modtagertype": "CVR"})
    assert (row.kind, row.number, row.faults) == (RecipientKind.CVR, drops.CVR, [])


def test_the_source_may_have_a_material_of_its_own() -> None:
    assert judge({"materiale": ""}, material="loenseddel").material == "loenseddel"
    assert judge({"materiale": "LOENSEDDEL"}).faults == []


def test_other_spellings_of_an_extension_and_of_letters_are_the_same() -> None:
    assert judge({"materiale": "brev", "titel": "t", "fil": "y.jpeg"}).faults == []
    assert judge({"fil": unicodedata.normalize("NFD", "æ.pdf")}).files == ("æ.pdf",)


def test_a_file_named_by_several_rows_is_said_on_each_later_line() -> None:
    rows = judge_all([GOOD, {**GOOD, "bilag": "b.pdf|b.pdf"}, {**GOOD, "fil": "b.pdf"}])
    warnings = [[(one.code, one.column, one.params["first_line"]) for one in row.warnings] for row in rows]
    twice = "row.file_named_twice"
    assert warnings == [[], [(twice, "fil", 2), (twice, "bilag", 3)], [(twice, "fil", 3)]]
    assert rows[1].files == ("a.pdf", "b.pdf")


@pytest.mark.parametrize(
    ("material", "expected"),
    [
        (None, ("modtager", "materiale", "fil")),
        ("loenseddel", ("modtager", "fil")),
        ("brev", ("modtager", "titel", "fil")),
    ],
)
def test_the_columns_that_must_be_there_follow_the_defaults(
    material: str | None, expected: tuple[str, ...]
) -> None:
    source = SourceSettings(folder=Path("loen"), material=material)
    assert tuple(must_columns(source, MATERIALS)) == expected
