"""Every input line has one line in kvittering.csv; those that need a look stand in fejlliste.csv too."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.records import LineResult
from batch.reports import write_answers, write_refusal
from batch.reports.answer_lines import local_time
from schemas.catalogue import Language
from schemas.consignments import Rejection
from schemas.errors import BadInput
from schemas.states import State
from tests.rigs.answer_lines import BATCH, StandingBatch, line_result, standing_batch, summary, written_at

STATUSES = [*(state.value for state in State), "rejected"]
WORDS = {
    "da": "tilbageholdt klar sendes i_tvivl afleveret leveret fejlet annulleret afvist",
    "en": "held ready sending in_doubt accepted delivered failed cancelled rejected",
}
OURS = ["linje", "reference", "status", "kanal", "kvitterings_id", "tidspunkt", "kode", "tekst"]


def _answers(folder: Path, source: StandingBatch, language: Language = "da") -> Path:
    return write_answers(folder, source, BATCH, language=language, simulated=False, now=written_at)


def _read(path: Path) -> list[list[str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True))


def _one_of_each() -> list[LineResult]:
    return [line_result(n, status) for n, status in enumerate(STATUSES, start=2)]


@pytest.mark.parametrize("language", ["da", "en"])
def test_the_receipt_has_one_line_per_input_line_in_its_order(tmp_path: Path, language: Language) -> None:
    rows = _read(_answers(tmp_path, standing_batch(_one_of_each()), language) / "kvittering.csv")
    assert rows[0] == OURS
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(2, 11)]
    assert [row[2] for row in rows[1:]] == [word.replace("_", " ") for word in WORDS[language].split()]
    assert [row[6] for row in rows[1:]] == [f"state.{status}" for status in STATUSES]


def test_the_error_list_holds_what_a_person_must_see_and_no_more(tmp_path: Path) -> None:
    rows = _read(_answers(tmp_path, standing_batch(_one_of_each())) / "fejlliste.csv")
    assert rows[0] == [*OURS, "kolonne"]
    assert [row[2] for row in rows[1:]] == ["tilbageholdt", "i tvivl", "fejlet", "afvist"]


def test_an_empty_error_list_still_has_its_header(tmp_path: Path) -> None:
    source = standing_batch([line_result(2, extra={"hold": "a"})])
    assert _read(_answers(tmp_path, source) / "fejlliste.csv") == [[*OURS, "kolonne", "hold"]]


def test_the_files_have_a_byte_order_mark_semicolons_and_windows_line_ends(tmp_path: Path) -> None:
    raw = (_answers(tmp_path, standing_batch(_one_of_each())) / "kvittering.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbflinje;reference;")
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(STATUSES) + 1
    assert raw.endswith(b"\r\n")


def test_a_line_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    line = line_result(7, "rejected", code="identity.bad_date", column="modtager", reference="M7")
    row = _read(_answers(tmp_path, standing_batch([line])) / "fejlliste.csv")[1]
    assert row[:5] == ["7", "M7", "afvist", "", ""]
    assert row[6] == "identity.bad_date"
    assert "dato" in row[7] and "aflever" in row[7]
    assert row[8] == "modtager"


def test_the_error_list_tells_everything_that_is_wrong_with_a_line_a_row_for_each(tmp_path: Path) -> None:
    lines = [
        line_result(7, "rejected", code="identity.bad_date", column="modtager", reference="M7",
                    further=["row.file_missing"], extra={"afdeling": "øst"}),
        line_result(8, "held", code="document.other_cpr", column="fil", further=["identity.lost_zero"]),
        line_result(9, further=["row.file_missing"]),
    ]  # fmt: skip
    answers = _answers(tmp_path, standing_batch(lines))
    errors = _read(answers / "fejlliste.csv")[1:]
    assert [(row[0], row[6], row[8]) for row in errors] == [
        ("7", "identity.bad_date", "modtager"),
        ("7", "row.file_missing", "fil"),
        ("8", "document.other_cpr", "fil"),
        ("8", "identity.lost_zero", "fil"),
    ]
    assert (errors[1][1:3], errors[1][9:]) == (["M7", "afvist"], ["øst"])
    assert errors[0][7] != errors[1][7]
    assert [row[0] for row in _read(answers / "kvittering.csv")[1:]] == ["7", "8", "9"]
    page = (answers / "rapport.html").read_text(encoding="utf-8")
    assert page.count("row.file_missing · fil") == 1
    assert page.count("identity.lost_zero · fil") == 1


def test_times_are_danish_local_times_with_their_offset() -> None:
    assert local_time(datetime(2026, 7, 1, 10, 0, 0, 999, tzinfo=UTC)) == "2026-07-01T12:00:00+02:00"
    assert local_time(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "2026-10-25T02:30:00+02:00"
    assert local_time(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "2026-10-25T02:30:00+01:00"


def test_a_simulated_receipt_says_so_in_its_line(tmp_path: Path) -> None:
    lines = [line_result(2, simulated=True), line_result(3)]
    rows = _read(_answers(tmp_path, standing_batch(lines)) / "kvittering.csv")
    assert rows[1][7].startswith("SIMULERET. ")
    assert "SIMULERET" not in rows[2][7]


def test_the_senders_own_columns_are_echoed_in_both_tables(tmp_path: Path) -> None:
    extra = {"afdeling": "Lager; øst", "Status": "fuldtid"}
    lines = [line_result(2, extra=extra), line_result(3, "held", extra=extra)]
    answers = _answers(tmp_path, standing_batch(lines))
    for name, ours in (("kvittering.csv", OURS), ("fejlliste.csv", [*OURS, "kolonne"])):
        rows = _read(answers / name)
        assert rows[0] == [*ours, "afdeling", "Status (afsender)"]
        assert rows[-1][-2:] == ["Lager; øst", "fuldtid"]


def test_own_columns_that_show_up_late_shift_nothing(tmp_path: Path) -> None:
    lines = [
        line_result(2, "rejected"),
        line_result(3, extra={"a": "1\r\n2"}),
        line_result(4, "rejected", extra={}),
        line_result(5, "failed", extra={"b": '"=x"', "a": "=5"}),
    ]
    answers = _answers(tmp_path, standing_batch(lines))
    rows = _read(answers / "kvittering.csv")
    assert [row[8:] for row in rows] == [["a", "b"], ["", ""], ["1\r\n2", ""], ["", ""], ["'=5", '"=x"']]
    assert [row[9:] for row in _read(answers / "fejlliste.csv")] == [
        ["a", "b"],
        ["", ""],
        ["", ""],
        ["'=5", '"=x"'],
    ]
    assert sorted(path.name for path in answers.iterdir()) == [
        "fejlliste.csv",
        "kvittering.csv",
        "rapport.html",
        "rapport.json",
    ]


def test_text_that_is_no_unicode_does_not_stop_the_answer(tmp_path: Path) -> None:
    broken = b"l\xf8n".decode("utf-8", "surrogateescape")
    source = standing_batch([line_result(2, "held", reference=broken)], name=broken)
    answers = _answers(tmp_path, source)
    assert _read(answers / "kvittering.csv")[1][1] == "l?n"
    assert "l?n" in (answers / "rapport.html").read_text(encoding="utf-8")
    assert "l?n" in (answers / "rapport.json").read_text(encoding="utf-8")


def test_memory_does_not_grow_with_the_number_of_lines(tmp_path: Path) -> None:
    def peak(n_lines: int) -> int:
        def lines() -> Iterator[LineResult]:
            for n in range(2, n_lines + 2):
                yield line_result(n, "held", reference=f"M{n}", extra={"a": "x" * 50})

        source = StandingBatch(lines, [summary([line_result(2, "held")], n_lines=n_lines)])
        tracemalloc.start()
        try:
            _answers(tmp_path, source)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(600)  # templates, texts and zones are loaded once
    assert peak(6000) < 1.2 * peak(1200)


def test_an_unknown_batch_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"answer\.unknown_batch"):
        write_answers(tmp_path, standing_batch([]), "another", language="da", simulated=False, now=written_at)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("batch_id", ["", ".", "..", "../x", "a/b", ".hidden"])
def test_no_batch_id_leads_out_of_the_folder(tmp_path: Path, batch_id: str) -> None:
    with pytest.raises(ValueError, match="plain folder name"):
        write_refusal(
            tmp_path, batch_id=batch_id, source="loen", rejections=[], language="da", now=written_at
        )


def test_a_refused_drop_gets_its_faults_in_both_tables_and_its_remarks_in_neither(tmp_path: Path) -> None:
    faults = [
        Rejection(4, "identity.bad_date", "modtager", reference="M4", extra={"a": "1"}),
        Rejection(0, "identity.bad_format"),
        Rejection(2, "identity.replacement", warning=True),
    ]
    answers = write_refusal(
        tmp_path, batch_id=BATCH, source="loen", rejections=faults, language="da", now=written_at
    )
    assert answers == tmp_path / BATCH
    rows = _read(answers / "kvittering.csv")
    assert [row[0] for row in rows[1:]] == ["0", "4"]
    assert [row[2] for row in rows[1:]] == ["afvist", "afvist"]
    assert [row[0] for row in _read(answers / "fejlliste.csv")[1:]] == ["0", "4"]
