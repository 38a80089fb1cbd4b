"""rapport.json gives every total, and says that they add up only when they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batch.records import LineResult, WarningLine
from batch.reports import write_answers, write_refusal
from schemas.consignments import Rejection
from schemas.states import State
from tests.rigs.answer_lines import BATCH, StandingBatch, line_result, standing_batch, summary, written_at

LINES = [
    line_result(2),
    line_result(3),
    line_result(4, "accepted", channel="smime"),
    line_result(6, "failed", code="identity.future", channel="smime"),
    line_result(7, "rejected", code="identity.bad_date"),
    line_result(8, "rejected", code="identity.bad_date"),
]


def _report(folder: Path, source: StandingBatch, *, simulated: bool = False) -> dict[str, Any]:
    answers = write_answers(folder, source, BATCH, language="da", simulated=simulated, now=written_at)
    return json.loads((answers / "rapport.json").read_text(encoding="utf-8"))


def test_the_counts_are_those_of_the_lines(tmp_path: Path) -> None:
    remarks = [WarningLine(2, "identity.replacement", {}, "modtager")]
    report = _report(tmp_path, standing_batch(LINES, remarks))
    assert report["antal"] == 6
    assert report["afvist"] == 2
    assert set(report["tilstande"]) == {state.value for state in State}
    assert {word: n for word, n in report["tilstande"].items() if n} == {
        "delivered": 2,
        "accepted": 1,
        "failed": 1,
    }
    assert report["kanaler"] == {"eboks": 2, "smime": 2}
    assert report["koder"] == {"identity.bad_date": 2, "identity.future": 1}
    assert report["paa_fejlliste"] == 3
    assert report["advarsler"] == 1
    assert report["afvist"] + sum(report["tilstande"].values()) == report["antal"]
    assert report["sum_stemmer"] is True


def test_each_fault_of_a_rejected_line_is_counted_once_and_the_line_once(tmp_path: Path) -> None:
    lines = [
        line_result(2, "rejected", code="identity.bad_date", further=["row.file_missing"] * 2),
        line_result(3, "rejected", code="row.file_missing"),
        line_result(4, "held", code="identity.lost_zero", further=["row.file_named_twice"]),
    ]
    report = _report(tmp_path, standing_batch(lines))
    assert report["koder"] == {"row.file_missing": 2, "identity.bad_date": 1, "identity.lost_zero": 1}
    assert (report["paa_fejlliste"], report["afvist"], report["sum_stemmer"]) == (3, 2, True)


def test_it_names_the_batch_and_its_times(tmp_path: Path) -> None:
    report = _report(tmp_path, standing_batch(LINES))
    assert (report["version"], report["batch"], report["kilde"]) == (1, BATCH, "loen")
    assert report["modtaget"] == "2026-11-24T05:15:00+01:00"
    assert report["skrevet"] == "2026-11-24T05:30:12+01:00"
    assert report["frigivet"] is None
    assert report["afsluttet"] is None


def _moved(lines: list[LineResult], **changed: object) -> StandingBatch:
    return StandingBatch(lambda: lines, [summary(lines), summary(lines, **changed)])


@pytest.mark.parametrize(
    "source",
    [
        standing_batch(LINES, n_lines=7),
        standing_batch(LINES, n_rejected=1),
        standing_batch(LINES, counts={State.DELIVERED: 4}),
        standing_batch(LINES, counts={State.DELIVERED: 5}),
        standing_batch([*LINES, LINES[-1]]),
        standing_batch([*LINES[:2], LINES[1]]),
        StandingBatch(lambda: LINES[:-1], [summary(LINES)]),
        _moved(LINES, counts={State.DELIVERED: 5}, version=2),
    ],
    ids=[
        "fewer lines than the drop held",
        "another number of rejected lines",
        "other states",
        "a consignment too many",
        "a rejected line twice",
        "a line twice in place of another",
        "the last line lost",
        "a consignment too many while the ledger moves",
    ],
)
def test_a_sum_that_does_not_fit_is_said(tmp_path: Path, source: StandingBatch) -> None:
    assert _report(tmp_path, source)["sum_stemmer"] is False
    page = (tmp_path / BATCH / "rapport.html").read_text(encoding="utf-8")
    assert "Regnskabet går ikke op" in page
    assert "Summen stemmer ikke" in page
    assert "Summen stemmer:" not in page


def test_lines_that_move_on_while_the_answer_is_written_are_no_fault(tmp_path: Path) -> None:
    source = _moved(LINES, counts={State.DELIVERED: 3, State.FAILED: 1}, version=2)
    assert _report(tmp_path, source)["sum_stemmer"] is True


def test_an_empty_batch_adds_up(tmp_path: Path) -> None:
    assert _report(tmp_path, standing_batch([]))["sum_stemmer"] is True


@pytest.mark.parametrize(("total", "right"), [(None, None), (6, True), (5, False), (0, False)])
def test_the_senders_control_total_is_compared(tmp_path: Path, total: int | None, right: bool | None) -> None:
    report = _report(tmp_path, standing_batch(LINES, control_total=total))
    assert (report["kontroltotal"], report["kontroltotal_stemmer"]) == (total, right)


@pytest.mark.parametrize(
    ("lines", "final"),
    [
        ([line_result(2), line_result(3, "failed"), line_result(4, "cancelled")], True),
        ([line_result(2, "rejected")], True),
        *(([line_result(2), line_result(3, s)], False) for s in ("held", "ready", "sending", "in_doubt")),
        ([line_result(2, "accepted")], False),
    ],
)
def test_an_answer_is_the_last_one_only_when_every_line_has_ended(
    tmp_path: Path, lines: list[LineResult], final: bool
) -> None:
    assert _report(tmp_path, standing_batch(lines))["endelig"] is final


def test_one_simulated_line_makes_the_whole_report_a_simulated_one(tmp_path: Path) -> None:
    assert _report(tmp_path, standing_batch(LINES))["simuleret"] is False
    assert _report(tmp_path, standing_batch(LINES), simulated=True)["simuleret"] is True
    mixed = standing_batch([line_result(2), line_result(3, simulated=True)])
    assert _report(tmp_path, mixed)["simuleret"] is True


def test_the_hold_is_named_until_it_is_lifted(tmp_path: Path) -> None:
    held = standing_batch([line_result(2, "held")], held_code="state.held")
    assert _report(tmp_path, held)["tilbageholdt"] == "state.held"
    released = standing_batch([line_result(2)], held_code="state.held", released_at=written_at())
    assert _report(tmp_path, released)["tilbageholdt"] == ""


def test_a_refused_drop_never_looks_like_a_success(tmp_path: Path) -> None:
    answers = write_refusal(
        tmp_path,
        batch_id=BATCH,
        source="loen",
        rejections=[Rejection(0, "identity.bad_format")],
        language="da",
        now=written_at,
    )
    report = json.loads((answers / "rapport.json").read_text(encoding="utf-8"))
    assert report["afvist_helt"] is True
    assert report["antal"] is None
    assert report["sum_stemmer"] is False
    assert report["koder"] == {"identity.bad_format": 1}
    assert sum(report["tilstande"].values()) == 0
