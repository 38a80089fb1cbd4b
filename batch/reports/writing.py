"""Writes the four files, staged by `batch.reports.answer_files`: both tables in one pass, then both reports.

Relies on the writers beside this module. Knows neither ledger nor drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from batch.reports.answer_files import ERROR_FILE, JSON_FILE, PAGE_FILE, RECEIPT_FILE
from batch.reports.answer_lines import AnswerLine
from batch.reports.batch_report import BatchReport
from batch.reports.csv_answers import ERROR_COLUMNS, RECEIPT_COLUMNS, AnswerTable, EchoColumns
from batch.reports.html_report import write_page
from batch.reports.json_report import write_json
from batch.reports.tally import Tally


def write_tables(staged: Mapping[str, Path], lines: Iterable[tuple[AnswerLine, Mapping[str, str]]]) -> Tally:
    """Writes both CSV answers while the lines stream by, each with the sender's own columns; counts them."""
    tally, echo = Tally(), EchoColumns()
    with (
        AnswerTable(staged[RECEIPT_FILE], RECEIPT_COLUMNS, echo) as receipts,
        AnswerTable(staged[ERROR_FILE], ERROR_COLUMNS, echo) as errors,
    ):
        for line, extra in lines:
            echoed = echo.values(extra)
            receipts.add(line, echoed)
            if line.on_error_list:
                for one in line.each():
                    errors.add(one, echoed)
            tally.add(line)
    return tally


def write_reports(staged: Mapping[str, Path], report: BatchReport) -> None:
    """Writes the page and the JSON file."""
    write_page(staged[PAGE_FILE], report)
    write_json(staged[JSON_FILE], report)
