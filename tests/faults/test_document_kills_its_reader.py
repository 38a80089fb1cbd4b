"""A document that kills the process which opens it costs that document alone."""

from __future__ import annotations

import signal

from batch.inspection import Inspector
from tests.rigs import pdfs
from tests.rigs.inspecting import (
    PATIENT_SECONDS,
    RECIPIENT,
    child_ids,
    codes,
    inspect_all,
    killing_children,
    request,
)


def test_a_reader_that_dies_twice_of_one_document_refuses_it_and_takes_the_others() -> None:
    good = [request(pdfs.payslip_pdf(RECIPIENT, f"Test {n}", 20_000)) for n in range(20)]
    deadly = request(pdfs.endless_pdf())
    with (
        Inspector(2, seconds=PATIENT_SECONDS) as inspector,
        killing_children(signal.SIGKILL, 2, at_least_seconds=1.0) as killed,
    ):
        found = inspect_all(inspector, [*good[:10], deadly, *good[10:]])
    assert codes(found) == [""] * 10 + ["document.unreadable"] + [""] * 10
    assert len(killed) == 2
    assert not found[10].hold


def test_a_reader_that_dies_once_costs_no_document() -> None:
    slips = [request(pdfs.payslip_pdf(RECIPIENT, f"Test {n}", 20_000), token=n) for n in range(50)]
    with Inspector(2, seconds=PATIENT_SECONDS) as inspector:
        inspect_all(inspector, slips)  # they have started: what is killed is at a document
        with killing_children(signal.SIGKILL, 1, at_least_seconds=0.05) as killed:
            answers = list(inspector.inspect(slips * 30))
    assert len(killed) == 1
    assert [one.token for one, _ in answers] == list(range(50)) * 30
    assert {found.code for _, found in answers} == {""}


def test_an_idle_reader_that_is_killed_is_replaced() -> None:
    slip = request(pdfs.payslip_pdf(RECIPIENT, "Test", 20_000))
    before = child_ids()
    with Inspector(1, seconds=PATIENT_SECONDS) as inspector:
        inspect_all(inspector, [slip])
        with killing_children(signal.SIGKILL, 1, at_least_seconds=0.0) as killed:
            while not killed:
                assert codes(inspect_all(inspector, [slip])) == [""]
        assert codes(inspect_all(inspector, [slip] * 9)) == [""] * 9
    assert set(child_ids()) <= set(before)
