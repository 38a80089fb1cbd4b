"""A small file that unpacks to very much fills neither the memory nor the disk."""

from __future__ import annotations

import pytest

from batch.inspection import Inspector
from tests.rigs import office_files, pdfs
from tests.rigs.inspecting import PATIENT_SECONDS, RECIPIENT, child_ids, codes, inspect_all, request

MEBIBYTE = 1024 * 1024


def test_a_bomb_is_refused_and_the_others_go_on() -> None:
    good = [request(pdfs.payslip_pdf(RECIPIENT, f"Test {n}", 20_000)) for n in range(6)]
    bomb, before = pdfs.bomb_pdf(300), child_ids()
    assert len(bomb) < MEBIBYTE
    with Inspector(2, memory_bytes=256 * MEBIBYTE, seconds=PATIENT_SECONDS) as inspector:
        found = codes(inspect_all(inspector, [*good, request(bomb), *good]))
    assert found == [""] * 6 + ["document.too_big_to_open"] + [""] * 6
    assert child_ids() == before


def test_what_fits_into_the_memory_is_no_bomb() -> None:
    with Inspector(1, memory_bytes=256 * MEBIBYTE, seconds=PATIENT_SECONDS) as inspector:
        assert codes(inspect_all(inspector, [request(pdfs.bomb_pdf(10))])) == [""]


def test_a_document_larger_than_the_memory_is_refused() -> None:
    large = request(b"tekst\n" * 20_000_000, "txt")
    with Inspector(1, memory_bytes=128 * MEBIBYTE, seconds=PATIENT_SECONDS) as inspector:
        found = codes(inspect_all(inspector, [large, request(pdfs.plain_pdf())]))
    assert found == ["document.too_big_to_open", ""]


@pytest.mark.parametrize("n_megabytes", [60, 300])
def test_an_office_bomb_is_refused(n_megabytes: int) -> None:
    bomb = office_files.docx(parts={"word/document.xml": b" " * (n_megabytes * 1_000_000)})
    with Inspector(1, memory_bytes=256 * MEBIBYTE, seconds=PATIENT_SECONDS) as inspector:
        assert codes(inspect_all(inspector, [request(bomb, "docx")])) == ["document.too_big_to_open"]
