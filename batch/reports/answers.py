"""Writes the four answers of a batch in one pass over its lines.

Relies on an `AnswerSource` (the ledger) and on the writers beside this module. Memory does not grow with the
batch. Does not decide when an answer is due, and marks nothing in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from batch.records import BatchSummary
from batch.reports.answer_files import FILES, answer_folder, replacing
from batch.reports.answer_lines import describe
from batch.reports.answer_source import AnswerSource
from batch.reports.batch_report import report_of_batch
from batch.reports.neutral import masked
from batch.reports.remarks import gather_remarks
from batch.reports.writing import write_reports, write_tables
from schemas.catalogue import Language
from schemas.errors import BadInput


def write_answers(
    folder: Path,
    ledger: AnswerSource,
    batch_id: str,
    *,
    language: Language,
    simulated: bool,
    now: Callable[[], datetime],
) -> Path:
    """Writes what became of a batch to `folder/<batch id>/` and returns that folder.

    Each file replaces the one before; a crash leaves each one whole, old or new. Raises BadInput
    `answer.unknown_batch`, and ConfigurationError `answer.not_written` when the folder can't be written: the
    old answers then still stand. Source: design 8.2.
    """
    written_at = now()
    before = _summary(ledger, batch_id)
    target = answer_folder(folder, batch_id)
    with replacing(target, FILES, written_at) as staged:
        lines = ((describe(line, language), line.extra) for line in ledger.lines(batch_id))
        tally = write_tables(staged, lines)
        remarks = gather_remarks(ledger.warnings(batch_id), language)
        report = report_of_batch(
            before,
            _summary(ledger, batch_id),
            tally,
            remarks,
            language=language,
            simulated=simulated,
            written_at=written_at,
        )
        write_reports(staged, report)
    return target


def _summary(ledger: AnswerSource, batch_id: str) -> BatchSummary:
    summary = ledger.batch(batch_id)
    if summary is None:
        raise BadInput("answer.unknown_batch", batch=masked(batch_id))
    return summary
