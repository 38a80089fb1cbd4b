"""PDF files: good ones pass, and each kind of bad one gets its own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pikepdf import Array, Dictionary, Name, String

from batch import pdf_text
from batch.document_rules import MAX_CHARACTERS
from batch.inspection import Inspection, Inspector
from batch.pdf_text import MAX_PAGES_READ, FiumDocument
from tests.rigs import pdfs
from tests.rigs.inspecting import PATIENT_SECONDS, codes, inspect_all, inspect_one, request


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(1, seconds=PATIENT_SECONDS) as one:
        yield one


GOOD: dict[str, Callable[[], bytes]] = {
    "plain": pdfs.plain_pdf,
    "packed objects": lambda: pdfs.hidden_in_object_stream(pdfs.plain_pdf()),
    "plain link": pdfs.link_pdf,
    "mail link": lambda: pdfs.link_pdf("mailto:loen@example.dk"),
    "opens at a page": pdfs.go_to_page_pdf,
    "picture only": pdfs.image_only_pdf,
    "blank lines before": lambda: b"\r\n\r\n" + pdfs.plain_pdf(),
    "byte order mark": lambda: b"\xef\xbb\xbf" + pdfs.plain_pdf(),
    "lines after the end": lambda: pdfs.plain_pdf() + b"\r\n" * 50,
    "nested arrays": pdfs.deeply_nested_pdf,
    "a script's name as text": lambda: pdfs.text_pdf([["/JavaScript /Launch /EmbeddedFile /AA"]]),
    "a script's name in a title": lambda: pdfs.with_changes(
        pdfs.plain_pdf(),
        lambda pdf: pdf.trailer.__setitem__("/Info", Dictionary(Title=String("/JS /Launch"))),
    ),
}

BAD: dict[str, list[Callable[[], bytes]]] = {
    "document.damaged": [
        pdfs.half_pdf,
        pdfs.truncated_pdf,
        pdfs.cyclic_pages_pdf,
        pdfs.blank_by_damage_pdf,
        lambda: pdfs.plain_pdf()[:100],
        lambda: b"%PDF-1.7\n",
        lambda: b"%PDF-1.7\n%%EOF\n",
        lambda: pdfs.plain_pdf().replace(b"startxref", b"startxxxx"),
        lambda: pdfs.plain_pdf().replace(b"/Kids", b"/Kinds"),
        lambda: pdfs.plain_pdf().replace(b"/Catalog", b"/Catatog"),
        lambda: pdfs.plain_pdf() + b"x" * 5000,
    ],
    "document.encrypted": [pdfs.encrypted_pdf, lambda: pdfs.encrypted_pdf("hemmelig")],
    "document.type_mismatch": [
        lambda: b"hello",
        lambda: b"\x00" * 5000,
        lambda: b"PK\x03\x04" + b"\x00" * 100,
        lambda: b" " * 2000 + pdfs.plain_pdf(),
        pdfs.polyglot_pdf,
        lambda: b"PK\x03\x04" + pdfs.plain_pdf(),
        lambda: b"MZ\n" + pdfs.plain_pdf(),
        lambda: b"GIF89a\n" + pdfs.plain_pdf(),
        lambda: pdfs.plain_pdf() + b"PK\x05\x06" + b"\x00" * 18,
    ],
    "document.empty": [lambda: b""],
}

ACTIVE: dict[str, Callable[[], bytes]] = {
    "javascript": pdfs.javascript_pdf,
    "launch": pdfs.launch_pdf,
    "names": pdfs.script_in_names_pdf,
    "behind a page": pdfs.script_behind_page_pdf,
    "for ever": pdfs.cyclic_actions_pdf,
    "page event": pdfs.page_event_pdf,
    "embedded": pdfs.embedded_file_pdf,
    "xfa": pdfs.xfa_pdf,
    "print on opening": lambda: pdfs.open_action_pdf("Named", N=Name.Print),
    "address on opening": lambda: pdfs.open_action_pdf("URI", URI=String("https://www.example.dk/")),
    "script link": lambda: pdfs.link_pdf("JavaScript:alert(1)"),
    "file link": lambda: pdfs.link_pdf(" file:///etc/passwd"),
    "other document": lambda: pdfs.annotation_pdf(
        Subtype=Name.Link, A=Dictionary(S=Name.GoToR, F=String("b.pdf"), D=Array([0, Name.Fit]))
    ),
    "embedded document": lambda: pdfs.annotation_pdf(
        Subtype=Name.Link, A=Dictionary(S=Name.GoToE, T=Dictionary(R=Name.C))
    ),
    "import": lambda: pdfs.annotation_pdf(Subtype=Name.Link, A=Dictionary(S=Name.ImportData, F=String("x"))),
    "submit": lambda: pdfs.annotation_pdf(Subtype=Name.Link, A=Dictionary(S=Name.SubmitForm, F=String("x"))),
    "second action": lambda: pdfs.annotation_pdf(
        Subtype=Name.Link,
        A=Dictionary(
            S=Name.URI,
            URI=String("https://www.example.dk/"),
            Next=Array([Dictionary(S=Name.Launch, F=String("x"))]),
        ),
    ),
    "rich media": lambda: pdfs.annotation_pdf(Subtype=Name.RichMedia),
    "film": lambda: pdfs.annotation_pdf(Subtype=Name.Movie),
    "attached file": lambda: pdfs.annotation_pdf(Subtype=Name.FileAttachment),
    "field event": lambda: pdfs.annotation_pdf(
        Subtype=Name.Link, AA=Dictionary(K=Dictionary(S=Name.JavaScript, JS=String("x")))
    ),
    "name written in hex": lambda: pdfs.raw_pdf(
        b"BT ET", extra=b"/OpenAction << /S /#4a#61vaScript /#4A#53 (app.alert) >>"
    ),
    "in a place of its own": lambda: pdfs.with_changes(
        pdfs.plain_pdf(),
        lambda pdf: pdf.Root.__setitem__(
            "/Unused", pdf.make_indirect(Dictionary(S=Name.Launch, F=String("x")))
        ),
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_file_passes(inspector: Inspector, kind: str) -> None:
    assert inspect_one(inspector, GOOD[kind]()) == Inspection(n_pages=1)


@pytest.mark.parametrize("code", BAD)
def test_a_bad_file_is_refused_by_its_own_code(inspector: Inspector, code: str) -> None:
    found = inspect_all(inspector, [request(make()) for make in BAD[code]])
    assert codes(found) == [code] * len(BAD[code])
    assert not any(one.hold for one in found)


@pytest.mark.parametrize("kind", ACTIVE)
def test_active_content_is_found_wherever_it_hides(inspector: Inspector, kind: str) -> None:
    wicked = ACTIVE[kind]()
    found = inspect_all(inspector, [request(wicked), request(pdfs.hidden_in_object_stream(wicked))])
    assert codes(found) == ["document.active_content"] * 2
    assert found[0].params["kind"] == found[1].params["kind"] != ""


def test_every_cut_of_a_file_is_refused(inspector: Inspector) -> None:
    whole = pdfs.payslip_pdf("1408683994", "Test Testesen", 4_000)
    end = whole.rindex(b"%%EOF")
    found = inspect_all(inspector, (request(whole[:length]) for length in range(0, end, 37)))
    assert "" not in codes(found)


def test_the_good_ones_among_bad_ones_pass(inspector: Inspector) -> None:
    bad = [make for makes in BAD.values() for make in makes]
    mixed = [request(data) for make in bad for data in (pdfs.plain_pdf(), make())]
    found = codes(inspect_all(inspector, mixed))
    assert found[::2] == [""] * len(bad)
    assert "" not in found[1::2]


def test_a_number_on_any_page_is_seen(inspector: Inspector) -> None:
    long = pdfs.many_pages_pdf(60, "CPR-nr. 010165-3999")
    own = pdfs.many_pages_pdf(60, "CPR-nr. 140868-3994")
    assert inspect_one(inspector, long) == Inspection("document.other_cpr", n_pages=60, hold=True)
    assert inspect_one(inspector, own) == Inspection(n_pages=60)


@pytest.mark.parametrize(
    "lines", [["Nr. 010165-", "3999"], ["010165-xxxx"], ["010165-••••"], ["010165–3999"]]
)
def test_a_number_in_a_real_file_is_read_in_every_shape(inspector: Inspector, lines: list[str]) -> None:
    assert inspect_one(inspector, pdfs.text_pdf([lines])).code == "document.other_cpr"


def test_a_file_too_long_to_read_whole_says_so(inspector: Inspector) -> None:
    n_pages = MAX_PAGES_READ + 10
    found = inspect_one(inspector, pdfs.many_pages_pdf(n_pages))
    assert found == Inspection(n_pages=n_pages, capped=True)
    unguarded = inspect_one(inspector, pdfs.many_pages_pdf(n_pages), guard=False)
    assert unguarded == Inspection(n_pages=n_pages)


def test_a_page_with_more_text_than_is_read_says_so_too() -> None:
    long = FiumDocument(pdfs.text_pdf([["abc " * 20] * 3]))
    whole = list(long.texts())
    assert not long.capped
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf_text, "MAX_CHARACTERS_READ", 50)
        assert list(long.texts()) == [whole[0][:50]]
    assert long.capped
    long.close()


def test_a_plain_text_is_read_up_to_the_same_length(inspector: Inspector) -> None:
    filling = b"Side uden numre. " * (MAX_CHARACTERS // 17 + 1)
    late = inspect_one(inspector, filling + b"\nCPR-nr. 010165-3999\n", "txt")
    assert late == Inspection(capped=True)
    early = inspect_one(inspector, b"CPR-nr. 010165-3999\n" + filling, "txt")
    assert early == Inspection("document.other_cpr", hold=True, capped=True)
    own = inspect_one(inspector, b"CPR-nr. 140868-3994\n" + filling, "txt")
    assert own == Inspection()


def test_a_scanned_page_shows_no_number(inspector: Inspector) -> None:
    assert inspect_one(inspector, pdfs.image_only_pdf()) == Inspection(n_pages=1)
