"""An index is read strictly: columns by name, lines by number, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batch.index_reader import Index
from schemas.errors import BadInput
from schemas.settings import SourceSettings
from tests.rigs.drops import index_bytes

MUST = ("modtager", "fil")


def source(**changes: Any) -> SourceSettings:
    return SourceSettings(folder=Path("loen"), **changes)


def read(data: bytes, **changes: Any) -> Index:
    index = Index(data, source(**changes), MUST)
    index.scan()
    return index


def rows(index: Index, n_rows: int = 2) -> list[tuple[int, dict[str, str]]]:
    """Returns (line, values) of every good row; the source's own columns stand in capitals' stead as they
    are."""
    return [
        (line, {name: column[at] for name, column in {**chunk.columns, **chunk.extra}.items()})
        for chunk in index.chunks(n_rows)
        for at, line in enumerate(chunk.lines)
    ]


def faults(index: Index) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for chunk in index.chunks() for fault in chunk.faults]


def refusal(data: bytes, **changes: Any) -> tuple[str, int | None]:
    with pytest.raises(BadInput) as fault:
        read(data, **changes)
    return fault.value.code, fault.value.line


def test_columns_are_found_by_name_in_any_case_and_order() -> None:
    index = read(index_bytes(["Løn; FIL ;Modtager", "100;a.pdf;1", "200;b.pdf;2"]))
    assert rows(index) == [
        (2, {"fil": "a.pdf", "modtager": "1", "Løn": "100"}),
        (3, {"fil": "b.pdf", "modtager": "2", "Løn": "200"}),
    ]


def test_a_source_may_have_its_own_names() -> None:
    data = index_bytes(["CPR;Filnavn;fil", "1;a.pdf;x"])
    index = read(data, columns={"modtager": "cpr", "fil": "filnavn"})
    (chunk,) = index.chunks()
    assert (chunk.columns["fil"], chunk.extra) == (["a.pdf"], {"fil": ["x"]})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_line_ends_and_byte_order_mark_make_no_difference(line_end: str, encoding: str) -> None:
    data = index_bytes(["modtager;fil", "æ;a.pdf", "", "ø;b.pdf"], line_end, encoding)
    plain = index_bytes(["modtager;fil", "æ;a.pdf", "ø;b.pdf"])
    assert [(line, row["modtager"]) for line, row in rows(read(data))] == [(2, "æ"), (4, "ø")]
    assert read(data).scan().digest == read(plain).scan().digest


def test_a_different_row_gives_a_different_digest() -> None:
    one, other = (index_bytes(["modtager;fil", line]) for line in ("1;a.pdf", "2;a.pdf"))
    assert read(one).scan().digest != read(other).scan().digest


def test_mixed_line_ends_keep_the_line_numbers() -> None:
    index = read(b"modtager;fil\r\n1;a.pdf\n2;b.pdf\r3;c.pdf\r\n\n4;d.pdf")
    assert [line for line, _ in rows(index)] == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("declared", "encoding", "expected"),
    [
        ("cp1252", "cp1252", "Åse–"),
        ("auto", "cp1252", "Åse–"),
        ("auto", "utf-8", "Åse–"),
        ("cp1252", "utf-8-sig", "Åse–"),
        ("utf-8", "utf-8", "Åse–"),
    ],
)
def test_the_encoding_is_as_declared_and_a_byte_order_mark_wins(
    declared: str, encoding: str, expected: str
) -> None:
    index = read(index_bytes(["modtager;fil", "Åse–;a.pdf"], encoding=encoding), encoding=declared)
    assert rows(index)[0][1]["modtager"] == expected


def test_an_index_that_is_not_in_its_declared_encoding_is_refused_with_the_line() -> None:
    data = index_bytes(["modtager;fil", "1;a.pdf", "Åse;b.pdf"], "\r\n", "cp1252")
    assert refusal(data) == ("index.bad_encoding", 3)
    assert refusal(b"modtager;fil\r1;a.pdf\r2;\x81.pdf", encoding="cp1252") == ("index.bad_encoding", 3)
    assert refusal("modtager;fil\n1;a\n".encode("utf-16")) == ("index.bad_encoding", 1)
    assert refusal(b"modtager;fil\n1;a\x00.pdf\n") == ("index.nul_byte", 2)


def test_utf8_declared_as_cp1252_is_noticed() -> None:
    lines = ["modtager;fil", "Åse;a.pdf"]
    assert read(index_bytes(lines), encoding="cp1252").looks_misdeclared
    assert not read(index_bytes(lines, encoding="cp1252"), encoding="cp1252").looks_misdeclared


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "index.empty"),
        (["", "  ", ";;"], "index.empty"),
        (["1;a.pdf"], "index.missing_column"),
        (["modtager;navn", "1;a"], "index.missing_column"),
        (["modtager,fil", "1,a.pdf"], "index.other_separator"),
        (["modtager\tfil", "1\ta.pdf"], "index.other_separator"),
        (["modtager;fil;Modtager", "1;a.pdf;2"], "index.duplicate_column"),
        (["modtager;fil;x;X", "1;a.pdf;2;3"], "index.duplicate_column"),
        (["modtager;;fil", "1;;a.pdf"], "index.unnamed_column"),
    ],
)
def test_a_header_that_does_not_name_the_columns_is_refused(lines: list[str], code: str) -> None:
    assert refusal(index_bytes(lines))[0] == code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1;a.pdf;EXTRA;x", "row.too_many_fields"),
        ("1;a.pdf", "row.too_few_fields"),
        ("1", "row.too_few_fields"),
        ("MODTAGER;fil;navn", "row.repeated_header"),
        ("1;a.pdf;n;", "row.too_many_fields"),
    ],
)
def test_a_ragged_row_alone_is_left_out(line: str, code: str) -> None:
    index = read(index_bytes(["modtager;fil;navn", "1;a.pdf;n", line, "2;b.pdf;m"]))
    assert [number for number, _ in rows(index)] == [2, 4]
    assert faults(index) == [(3, code)]


def test_separators_at_the_end_of_every_line_are_coped_with() -> None:
    index = read(index_bytes(["modtager;fil;;", "1;a.pdf;;", "2;b.pdf;;x", "3;c.pdf"]))
    assert rows(index) == [(2, {"modtager": "1", "fil": "a.pdf"})]
    assert faults(index) == [(3, "row.too_many_fields"), (4, "row.too_few_fields")]


def test_quoted_fields_may_hold_separators_or_span_lines() -> None:
    index = read(b'modtager;navn;fil\n1;"A; ""B""";a.pdf\n2;"to\nlinjer";b.pdf\n3;x;c.pdf\nkort\n')
    assert [(line, row["navn"]) for line, row in rows(index)] == [(2, 'A; "B"'), (3, "to\nlinjer"), (5, "x")]
    assert faults(index) == [(6, "row.too_few_fields")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('modtager;fil\n1;a.pdf\n2;"b.pdf\n3;c.pdf\n', 3),
        ('modtager;fil\n1;a.pdf\n2;"b.pdf"x\n3;c.pdf\n', 3),
        ('modtager;titel;fil\n1;"T;a.pdf\n2;T";b.pdf\n', 2),
        ('modtager;titel;fil\n1;T;"a.pdf\n2;T;b.pdf"\n', 2),
        ('modtager;fil\n"1;a.pdf\n2;b.pdf\n', 2),
        ('"modtager;fil\n1;a.pdf\n', 1),
    ],
)
def test_a_stray_quote_refuses_the_whole_index_with_its_line(text: str, line: int) -> None:
    assert refusal(text.encode()) == ("index.open_quote", line)


def test_an_endless_field_is_refused() -> None:
    assert refusal(b"modtager;fil\n1;" + b"a" * 200_000) == ("index.field_too_long", 2)
    assert refusal(b'modtager;fil\n1;"' + b"a\n" * 100_000) == ("index.open_quote", 2)


def test_the_control_total_is_read_and_is_no_row() -> None:
    index = read(index_bytes(["modtager;fil", "1;a.pdf", "kort", "#ANTAL;2"]))
    totals = index.scan()
    assert (totals.n_lines, totals.control_total, totals.total_line, totals.total_readable) == (2, 2, 4, True)
    assert len(rows(index)) == 1


def test_a_control_total_that_is_not_last_is_refused() -> None:
    lines = ["modtager;fil", "1;a.pdf", "#ANTAL;1", "2;b.pdf", "#ANTAL;1"]
    assert refusal(index_bytes(lines)) == ("index.total_not_last", 3)


def test_names_that_look_like_missing_values_stay_as_they_are() -> None:
    index = read(index_bytes(["modtager;fil;navn", "0101653999;NA;null", "0000000001;nan;"]))
    assert [row for _, row in rows(index)] == [
        {"modtager": "0101653999", "fil": "NA", "navn": "null"},
        {"modtager": "0000000001", "fil": "nan", "navn": ""},
    ]


def test_chunks_cut_the_rows_and_lose_none() -> None:
    lines = [f"{n};{n}.pdf" for n in range(25)]
    index = read(index_bytes(["modtager;fil", *lines]))
    assert [len(chunk.lines) for chunk in index.chunks(10)] == [10, 10, 5]
    assert [row["fil"] for _, row in rows(index, 7)] == [f"{n}.pdf" for n in range(25)]


def test_no_value_shows_in_a_chunk() -> None:
    (chunk,) = read(index_bytes(["modtager;fil;x", "0101653999;a.pdf;hemmeligt"])).chunks()
    assert "0101653999" not in repr(chunk) and "hemmeligt" not in repr(chunk)
