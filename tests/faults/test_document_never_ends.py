"""A document that would take minutes is cut off, by the clock on the wall or by the processor's."""

from __future__ import annotations

import signal

from batch.inspection import Inspector
from tests.rigs import pdfs
from tests.rigs.inspecting import RECIPIENT, codes, inspect_all, killing_children, request


def test_a_document_that_never_ends_is_cut_off_and_the_others_go_on() -> None:
    good = [request(pdfs.payslip_pdf(RECIPIENT, f"Test {n}", 20_000)) for n in range(10)]
    with Inspector(2, seconds=2.0) as inspector:
        found = codes(inspect_all(inspector, [*good, request(pdfs.endless_pdf()), *good]))
    assert found == [""] * 10 + ["document.too_slow"] + [""] * 10


def test_a_reader_that_only_hangs_is_cut_off_too() -> None:
    """A stopped process uses no processor time at all."""
    slow = request(pdfs.endless_pdf())
    with (
        Inspector(1, seconds=4.0) as inspector,
        killing_children(signal.SIGSTOP, 1, at_least_seconds=0.4) as stopped,
    ):
        assert codes(inspect_all(inspector, [slow, request(pdfs.plain_pdf())])) == ["document.too_slow", ""]
    assert len(stopped) == 1


def test_the_processors_time_is_counted_for_each_document_anew() -> None:
    """A hundred documents together use more than the second that one may use."""
    long = request(pdfs.many_pages_pdf(300), guard=True)
    with Inspector(1, seconds=1.0) as inspector:
        assert set(codes(inspect_all(inspector, [long] * 100))) == {""}
