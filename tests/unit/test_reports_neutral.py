"""A sender's own text is shown as it is, except where a spreadsheet would run it or a number would show."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.reports import write_answers
from batch.reports.neutral import LONGEST_CELL, masked, neutralised, runs_as_formula
from tests.rigs.answer_lines import BATCH, line_result, standing_batch, written_at

SIGNS = "=+-@\t\r＝＋－＠﹦﹢﹣﹫−"
FILLERS = " \t\r\n\u00a0\u200b\ufeff\u3000'"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
hostile = st.builds(
    "".join,
    st.tuples(st.text(FILLERS, max_size=3), st.sampled_from(list(SIGNS)), st.text(max_size=10)),
).filter(lambda text: not any(unicodedata.category(c) == "Cs" for c in text))
cells = st.one_of(texts, hostile)


def _a_spreadsheet_would_run(cell: str) -> bool:
    """Reads a cell the way the most lenient spreadsheet might: blanks dropped, wide signs made plain."""
    if cell.startswith("'"):
        return False
    bare = unicodedata.normalize("NFKC", cell).lstrip(" \u200b\ufeff\n\v\f\x1c\x1d\x1e\x1f\x85")
    return bare.startswith(tuple("=+-@\t\r\u2212"))


@given(cells)
def test_no_cell_is_one_that_a_spreadsheet_runs(text: str) -> None:
    assert not _a_spreadsheet_would_run(neutralised(text))


@given(cells)
def test_a_neutral_text_is_the_text_itself_or_the_text_after_an_apostrophe(text: str) -> None:
    assert neutralised(text) in (text, f"'{text}")


@pytest.mark.parametrize("text", [*SIGNS, "=1+1", "  =1", "\u00a0＝1", "\u200b@SUM(A1)", "+4511223344", "-5"])
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "Hansen", "a=1", "12-3", "'=1", "100,-", "ø@x.dk", "—", "#ANTAL"])
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert not runs_as_formula(text)
    assert neutralised(text) == text


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_the_table_read_back_gives_every_text_back(tmp_path_factory, rows: list[tuple[str, str]]) -> None:
    lines = [line_result(n, reference=one, extra={"egen": two}) for n, (one, two) in enumerate(rows, start=2)]
    folder = tmp_path_factory.mktemp("answers")
    answers = write_answers(
        folder, standing_batch(lines), BATCH, language="da", simulated=False, now=written_at
    )
    read = _read(answers / "kvittering.csv")
    assert len(read) == len(rows) + 1
    for (one, two), cells_read in zip(rows, read[1:], strict=True):
        assert cells_read[1] == neutralised(masked(one))
        assert cells_read[-1] == neutralised(masked(two))
        assert not any(_a_spreadsheet_would_run(cell) for cell in cells_read)


def test_a_number_is_masked_wherever_a_sender_wrote_one(tmp_path: Path) -> None:
    number = "0101653999"
    line = line_result(
        2,
        "failed",
        code="row.too_few_fields",
        params={"n_fields": 3, "n_columns": 4, "found": number},
        reference=f"M-{number}",
        column=f"{number[:6]}-{number[6:]}",
        receipt_id=f"queue {number}",
        extra={f"kol {number}": number, "tom": f"＝{number}"},
    )
    source = standing_batch([line], name=f"løn {number}")
    answers = write_answers(tmp_path, source, BATCH, language="da", simulated=True, now=written_at)
    for path in answers.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "3999" not in text, path.name
    row = _read(answers / "kvittering.csv")[1]
    assert row[1] == "M-010165-••••"
    assert row[4] == "queue 010165-••••"


def test_a_message_id_of_our_own_is_no_number(tmp_path: Path) -> None:
    ids = ["ab" + "0101653999" + "c" * 20, "01016539-99ab-4101-8653-999abcdef012"]
    lines = [line_result(n, receipt_id=one) for n, one in enumerate(ids, start=2)]
    answers = write_answers(
        tmp_path, standing_batch(lines), BATCH, language="da", simulated=False, now=written_at
    )
    assert [row[4] for row in _read(answers / "kvittering.csv")[1:]] == ids


def test_a_cell_is_never_longer_than_a_spreadsheet_holds() -> None:
    assert len(masked("x" * 100_000)) == LONGEST_CELL
    assert masked("x" * LONGEST_CELL) == "x" * LONGEST_CELL


def _read(path: Path) -> list[list[str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True))
