"""Writes the four answers for a drop that was refused whole: nothing was sent, and why.

Relies on the writers beside this module. The drop itself lies in quarantine; moving it is not done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from batch.reports.answer_files import FILES, answer_folder, replacing
from batch.reports.answer_lines import describe_rejection
from batch.reports.batch_report import report_of_refusal
from batch.reports.remarks import gather_remarks
from batch.reports.writing import write_reports, write_tables
from schemas.catalogue import Language
from schemas.consignments import Rejection


def write_refusal(
    folder: Path,
    *,
    batch_id: str,
    source: str,
    rejections: Sequence[Rejection],
    language: Language,
    now: Callable[[], datetime],
    simulated: bool = False,
) -> Path:
    """Writes why a drop was refused to `folder/<batch id>/` and returns that folder.

    Both CSV files hold one line per fault, line 0 being the drop as a whole; remarks that stop nothing stand
    in the page only. Raises ConfigurationError `answer.not_written`.
    """
    written_at = now()
    target = answer_folder(folder, batch_id)
    ordered = sorted(rejections, key=lambda one: one.line)
    faults = [one for one in ordered if not one.warning]
    remarks = gather_remarks((one for one in ordered if one.warning), language)
    with replacing(target, FILES, written_at) as staged:
        lines = ((describe_rejection(fault, written_at, language), fault.extra) for fault in faults)
        tally = write_tables(staged, lines)
        report = report_of_refusal(
            batch_id,
            source,
            tally,
            remarks,
            language=language,
            simulated=simulated,
            written_at=written_at,
        )
        write_reports(staged, report)
    return target
