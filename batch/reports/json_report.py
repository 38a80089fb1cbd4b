"""Writes `rapport.json`, the report for machines; docs/answers.md lists its keys.

Relies on `batch.reports.batch_report`. Keys and codes are stable: a new key may come, none changes its
meaning without a new `version`. Says nothing about single lines, which stand in the CSV files.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from batch.reports.answer_lines import local_time
from batch.reports.batch_report import BatchReport

VERSION = 1


def write_json(path: Path, report: BatchReport) -> None:
    """Writes the report to a path, as UTF-8 without BOM."""
    text = json.dumps(_facts(report), ensure_ascii=False, indent=2)
    path.write_bytes(text.encode("utf-8", "replace") + b"\n")


def _facts(report: BatchReport) -> dict[str, object]:
    return {
        "version": VERSION,
        "batch": report.batch_id,
        "kilde": report.source,
        "navn": report.name,
        "simuleret": report.simulated,
        "afvist_helt": report.refused,
        "endelig": report.final,
        "sum_stemmer": report.adds_up,
        **_counts(report),
        "kontroltotal": report.control_total,
        "kontroltotal_stemmer": report.control_total_right,
        "tilbageholdt": report.held_code,
        "modtaget": _time(report.taken_at),
        "frigivet": _time(report.released_at),
        "afsluttet": _time(report.closed_at),
        "skrevet": _time(report.written_at),
    }


def _counts(report: BatchReport) -> dict[str, object]:
    return {
        "antal": report.n_lines,
        "afvist": report.n_rejected,
        "tilstande": {state.value: n for state, n in report.states.items()},
        "kanaler": {channel: sum(states.values()) for channel, states in report.channels.items()},
        "koder": {code: reason.n_lines for code, reason in report.reasons.items()},
        "paa_fejlliste": report.n_errors,
        "advarsler": report.remarks.n_remarks,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else local_time(at)
