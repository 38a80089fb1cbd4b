"""The pool of children that open documents: in order, within bounds, and none the wiser about us."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch import inspection_frames as frames
from batch.inspection import DEPTH, Inspection, InspectionRequest, Inspector
from schemas.errors import ConfigurationError
from tests.rigs import pdfs
from tests.rigs.big_drops import cprs
from tests.rigs.inspecting import (
    PATIENT_SECONDS,
    RECIPIENT,
    child_ids,
    codes,
    inspect_all,
    inspect_one,
    request,
)


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(2, seconds=PATIENT_SECONDS) as one:
        yield one


def test_a_good_payslip_is_good(inspector: Inspector) -> None:
    found = inspect_one(inspector, pdfs.payslip_pdf(RECIPIENT, "Test Testesen"))
    assert found == Inspection(n_pages=1)


def test_answers_come_in_order_and_bring_their_token(inspector: Inspector) -> None:
    documents = [pdfs.text_pdf([["Side"]] * (n % 7 + 1)) for n in range(60)]
    asked = [request(data, token=n) for n, data in enumerate(documents)]
    answers = list(inspector.inspect(asked))
    assert [one.token for one, _ in answers] == list(range(60))
    assert [found.n_pages for _, found in answers] == [n % 7 + 1 for n in range(60)]


def test_documents_are_pulled_no_sooner_than_there_is_room(inspector: Inspector) -> None:
    n_pulled = 0

    def source() -> Iterator[InspectionRequest]:
        nonlocal n_pulled
        for _ in range(100):
            n_pulled += 1
            yield request(pdfs.plain_pdf())

    furthest = max(n_pulled - n for n, _ in enumerate(inspector.inspect(source())))
    assert 1 <= furthest <= 2 * DEPTH
    assert n_pulled == 100


def test_large_documents_count_by_their_bytes(inspector: Inspector) -> None:
    large = b"tekst\n" * 3_000_000
    n_pulled = 0

    def source() -> Iterator[InspectionRequest]:
        nonlocal n_pulled
        for _ in range(8):
            n_pulled += 1
            yield request(large, "txt", guard=False)

    assert max(n_pulled - n for n, _ in enumerate(inspector.inspect(source()))) <= 2


def test_nothing_to_inspect_starts_no_child() -> None:
    before = child_ids()
    with Inspector(2, seconds=PATIENT_SECONDS) as one:
        assert inspect_all(one, []) == []
        assert child_ids() == before


def test_given_up_in_the_middle_it_works_on_with_the_next(inspector: Inspector) -> None:
    for _ in inspector.inspect(request(pdfs.payslip_pdf(RECIPIENT, "A")) for _ in range(20)):
        break
    mixed = [pdfs.plain_pdf(), b"", pdfs.half_pdf()]
    assert codes(inspect_all(inspector, map(request, mixed))) == ["", "document.empty", "document.damaged"]


def test_a_fault_of_the_source_reaches_its_owner(inspector: Inspector) -> None:
    def source() -> Iterator[InspectionRequest]:
        yield request(pdfs.plain_pdf())
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        inspect_all(inspector, source())
    assert inspect_one(inspector, pdfs.plain_pdf()).code == ""


def test_two_sequences_at_once_are_refused(inspector: Inspector) -> None:
    outer = inspector.inspect([request(pdfs.plain_pdf())] * 3)
    next(outer)
    with pytest.raises(RuntimeError):
        next(inspector.inspect([]))
    assert len(list(outer)) == 2


def test_closing_ends_every_child_and_it_may_be_used_again() -> None:
    before = set(child_ids())
    one = Inspector(2, seconds=PATIENT_SECONDS)
    assert len(inspect_all(one, [request(pdfs.plain_pdf())] * 20)) == 20
    assert len(set(child_ids()) - before) == 2
    one.close()
    assert set(child_ids()) == before
    assert inspect_one(one, pdfs.plain_pdf()).code == ""
    one.close()
    one.close()
    assert set(child_ids()) == before


def test_a_child_knows_no_secret_and_is_kept_within_limits(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREVDUE_SECRET", "hemmeligt")
    with Inspector(1, memory_bytes=300 * 1024 * 1024, seconds=PATIENT_SECONDS) as one:
        before = set(child_ids())
        assert inspect_one(one, pdfs.plain_pdf()).code == ""
        (child,) = set(child_ids()) - before
        limits = Path(f"/proc/{child}/limits").read_text()
        assert b"hemmeligt" not in Path(f"/proc/{child}/environ").read_bytes()
        assert "Max core file size        0 " in limits
        assert "Max file size             0 " in limits
        assert f"Max address space         {300 * 1024 * 1024} " in limits
        opened = {os.readlink(path) for path in Path(f"/proc/{child}/fd").iterdir()}
        assert {path for path in opened if not path.startswith("socket:")} == {os.devnull}


def test_a_child_stays_small_over_many_documents(inspector: Inspector) -> None:
    with Inspector(1, seconds=PATIENT_SECONDS) as one:
        before = set(child_ids())
        documents = [request(pdfs.payslip_pdf(RECIPIENT, f"Test {n}")) for n in range(20)]
        inspect_all(one, documents)
        (child,) = set(child_ids()) - before
        early = _resident_kilobytes(child)
        inspect_all(one, documents * 20)
        assert set(child_ids()) - before == {child}
        assert _resident_kilobytes(child) < early + 5_000
        assert early < 70_000


def _resident_kilobytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_child_that_holds_much_is_replaced_and_no_document_is_blamed() -> None:
    """With so little memory, what every child holds from the start is already much."""
    seen = set()
    with Inspector(1, memory_bytes=90 * 1024 * 1024, seconds=PATIENT_SECONDS) as one:
        for _, found in one.inspect(request(pdfs.plain_pdf()) for _ in range(9)):
            seen |= set(child_ids())
            assert found == Inspection(n_pages=1)
    assert len(seen) > 3


def test_a_child_that_can_not_start_is_no_documents_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in ("/bin/false", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", broken)
        with Inspector(1, seconds=PATIENT_SECONDS) as one, pytest.raises(ConfigurationError) as caught:
            inspect_all(one, [request(pdfs.plain_pdf())])
        assert caught.value.code == "document.inspector_failed"


def test_forty_swapped_payslips_are_all_held_and_the_right_ones_never(inspector: Inspector) -> None:
    people = list(cprs(40, seed=3))
    slips = [pdfs.payslip_pdf(cpr, f"Test {n}") for n, cpr in enumerate(people)]
    right = [request(slip, recipient=cpr) for slip, cpr in zip(slips, people, strict=True)]
    swapped = [request(slip, recipient=cpr) for slip, cpr in zip(slips, people[1:] + people[:1], strict=True)]
    assert set(codes(inspect_all(inspector, right))) == {""}
    found = inspect_all(inspector, swapped)
    assert set(codes(found)) == {"document.other_cpr"}
    assert all(one.hold for one in found)


def test_the_guard_can_be_switched_off(inspector: Inspector) -> None:
    slip = pdfs.payslip_pdf("0101653999", "Test Testesen")
    assert inspect_one(inspector, slip).code == "document.other_cpr"
    assert inspect_one(inspector, slip, guard=False) == Inspection(n_pages=1)


def test_no_repr_shows_whom_or_what_a_request_is_about() -> None:
    one = request(pdfs.payslip_pdf(RECIPIENT, "Test Testesen"), token="Testesen.pdf")
    assert not any(word in repr(one) for word in (RECIPIENT, "PDF-1", "Testesen"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'["document.damaged",{},1]',
        b'["row.other",{},1,false,false]',
        b'["document.Damaged 140868",{},1,false,false]',
        b'["",{},true,false,false]',
        b'["",{},"1",false,false]',
        b'["",{},1,0,false]',
        b'["",{},1,false]',
        b'["",{},1,false,0]',
        b'["",{"kind":"140868-3994"},1,false,false]',
        b'["",{"kind":[1]},1,false,false]',
        b'["",{"kind":true},1,false,false]',
        b'["",{"a-b":1},1,false,false]',
        b'["",[],1,false,false]',
        b"[" * 2000,
    ],
)
def test_what_a_taken_over_child_says_is_not_believed(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError, RecursionError)):
        frames.decode_reply(content)


def test_an_answer_survives_the_way(inspector: Inspector) -> None:
    found = Inspection("document.active_content", {"kind": "external content", "n_pages": 3}, 7, True, True)
    content = frames.encode_reply(found)
    assert int.from_bytes(content[:4], "big") == len(content) - 4
    assert frames.decode_reply(content[4:]) == found
    assert json.loads(content[4:])[0] == found.code
