"""The guard reads wherever a document can name a person, not only what stands on its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String
from pytest import MonkeyPatch

from batch import office_text, pdf_values
from batch.inspection import Inspection, Inspector
from batch.office_rules import check_office
from batch.pdf_rules import open_pdf
from tests.rigs import office_files, pdfs
from tests.rigs.inspecting import PATIENT_SECONDS, inspect_one

OTHER, OTHER_SPELLED = "0101653999", "010165-3999"


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(1, seconds=PATIENT_SECONDS) as one:
        yield one


def changed(change: Callable[[Pdf], object]) -> bytes:
    return pdfs.with_changes(pdfs.plain_pdf(), change)


def form(*fields: dict[str, Any]) -> bytes:
    """Returns a PDF with a form of these fields, each also standing on the page."""

    def change(pdf: Pdf) -> None:
        made = [
            pdf.make_indirect(
                Dictionary(
                    Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, Rect=Array([0, 0, 9, 9]), **field
                )
            )
            for field in fields
        ]
        pdf.Root.AcroForm = Dictionary(Fields=Array(made))
        pdf.pages[0].obj.Annots = Array(made)

    return changed(change)


def nested_form(name: str, value: str) -> bytes:
    """Returns a PDF whose field has its name from its parent, and its value as a stream; in a circle too."""

    def change(pdf: Pdf) -> None:
        kid = pdf.make_indirect(Dictionary(FT=Name.Tx, V=pdf.make_stream(value.encode())))
        parent = pdf.make_indirect(Dictionary(T=String(name), Kids=Array([kid])))
        parent.Kids.append(parent)
        pdf.Root.AcroForm = Dictionary(Fields=Array([parent]))

    return changed(change)


def bookmark(title: str) -> bytes:
    def change(pdf: Pdf) -> None:
        one = pdf.make_indirect(Dictionary(Title=String(title)))
        one.Next = one
        pdf.Root.Outlines = pdf.make_indirect(Dictionary(First=one, Last=one, Count=1))

    return changed(change)


def titled(title: str) -> bytes:
    def change(pdf: Pdf) -> None:
        pdf.docinfo["/Title"] = title

    return changed(change)


def titled_in_xmp(title: str) -> bytes:
    def change(pdf: Pdf) -> None:
        with pdf.open_metadata() as meta:
            meta["dc:title"] = title

    return changed(change)


PDFS: dict[str, Callable[[str], bytes]] = {
    "field": lambda text: form({"T": String("felt"), "V": String(text)}),
    "default value": lambda text: form({"T": String("felt"), "DV": String(text)}),
    "field in UTF-16": lambda text: form({"T": String("felt"), "V": String(f"Å {text}")}),
    "list of choices": lambda text: form({"T": String("valg"), "V": Array([String("a"), String(text)])}),
    "field under its parent": lambda text: nested_form("felt", text),
    "note": lambda text: pdfs.annotation_pdf(Subtype=Name.Text, Contents=String(text)),
    "text laid over the page": lambda text: pdfs.annotation_pdf(
        Subtype=Name.FreeText, Contents=String(text), DA=String("/F1 9 Tf")
    ),
    "rich text": lambda text: pdfs.annotation_pdf(
        Subtype=Name.FreeText, RC=String(f"<body><p>Vedr. <b>{text[:7]}</b>{text[7:]}</p></body>")
    ),
    "bookmark": bookmark,
    "title": titled,
    "title in XMP": titled_in_xmp,
}
OFFICE: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "cell": ("xlsx", lambda text: book(f'<c t="str"><v>{text}</v></c>')),
    "cell with a shared text": (
        "xlsx",
        lambda text: book('<c t="s"><v>1</v></c>', {"xl/sharedStrings.xml": office_files.shared("a", text)}),
    ),
    "cell with its own text": ("xlsx", lambda text: book(f'<c t="inlineStr"><is><t>{text}</t></is></c>')),
    "cell comment": (
        "xlsx",
        lambda text: book("", {"xl/comments1.xml": f"<c><comment><t>{text}</t></comment></c>"}),
    ),
    "sheet's name": ("xlsx", lambda text: office_files.xlsx(sheet_name=text)),
    "sheet's page header": (
        "xlsx",
        lambda text: office_files.xlsx(
            {"xl/worksheets/a.xml": office_files.sheet(more=f"<h><oddHeader>&amp;L{text}</oddHeader></h>")}
        ),
    ),
    "book's title": (
        "xlsx",
        lambda text: office_files.xlsx({"docProps/core.xml": office_files.titles(text)}),
    ),
    "page header": (
        "docx",
        lambda text: office_files.docx(parts={"word/header1.xml": office_files.word_part("hdr", text)}),
    ),
    "footnote": (
        "docx",
        lambda text: office_files.docx(parts={"word/footnotes.xml": office_files.word_part("a", text)}),
    ),
    "remark": (
        "docx",
        lambda text: office_files.docx(parts={"word/comments.xml": office_files.word_part("a", text)}),
    ),
    "document's title": (
        "docx",
        lambda text: office_files.docx(parts={"docProps/core.xml": office_files.titles(text)}),
    ),
    "element": ("xml", lambda text: f"<loen><navn>x</navn><cpr>{text}</cpr></loen>".encode()),
    "attribute": ("xml", lambda text: f'<loen><person nummer="{text}"/></loen>'.encode()),
    "text behind an element": ("xml", lambda text: f"<loen><b>Vedr.</b> {text}</loen>".encode()),
    "picture's text": ("html", lambda text: f'<html><img src="cid:a" alt="{text}"></html>'.encode()),
    "field's text": ("html", lambda text: f'<html><input value="{text}"></html>'.encode()),
}


def book(cells: str, parts: dict[str, str] | None = None) -> bytes:
    return office_files.xlsx({**(parts or {}), "xl/worksheets/sheet1.xml": office_files.sheet(cells)})


@pytest.mark.parametrize("place", PDFS)
def test_a_number_beside_a_pdfs_pages_is_read(inspector: Inspector, place: str) -> None:
    data = PDFS[place](OTHER_SPELLED)
    assert inspect_one(inspector, data) == Inspection("document.other_cpr", n_pages=1, hold=True)
    assert inspect_one(inspector, data, recipient=OTHER) == Inspection(n_pages=1)
    assert inspect_one(inspector, data, guard=False) == Inspection(n_pages=1)


@pytest.mark.parametrize("place", OFFICE)
def test_a_number_in_another_kind_of_file_is_read(inspector: Inspector, place: str) -> None:
    extension, make = OFFICE[place]
    data = make(OTHER_SPELLED)
    assert inspect_one(inspector, data, extension) == Inspection("document.other_cpr", hold=True)
    assert inspect_one(inspector, data, extension, recipient=OTHER) == Inspection()
    assert inspect_one(inspector, data, extension, guard=False) == Inspection()


@pytest.mark.parametrize(
    "cell",
    [
        f"<c><v>{OTHER}</v></c>",
        "<c><v>1.01653999E8</v></c>",
        "<c><v>101653999</v></c>",
        f'<c t="n"><f>A1</f><v>{OTHER}</v></c>',
    ],
)
def test_a_number_that_a_sheet_holds_as_a_number_is_read(inspector: Inspector, cell: str) -> None:
    assert inspect_one(inspector, book(cell), "xlsx").code == "document.other_cpr"


def cells(*texts: str) -> str:
    return "".join(f'<c t="str"><v>{text}</v></c>' for text in texts)


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("pdf", form({"T": String("Kontonummer"), "V": String(OTHER)})),
        ("pdf", form({"TU": String("P-nr."), "T": String("t1"), "V": String(OTHER)})),
        ("pdf", titled("Lønseddel november 2026")),
        ("xlsx", book(cells("Konto", "1234", OTHER))),
        ("xlsx", book(cells("010165", "3999"))),
        ("xlsx", book(cells("Kunde 010165", "3999 Andeby"))),
        ("xml", f"<loen><konto>{OTHER}</konto><pnr>{OTHER}</pnr></loen>".encode()),
        ("docx", office_files.docx("Konto 1234 0101653999")),
    ],
)
def test_accounts_and_two_cells_that_only_stand_side_by_side_trip_nothing(
    inspector: Inspector, extension: str, data: bytes
) -> None:
    assert inspect_one(inspector, data, extension).code == ""


def test_ids_in_a_files_own_history_are_nobodys_number() -> None:
    def change(pdf: Pdf) -> None:
        with pdf.open_metadata() as meta:
            meta["xmpMM:DocumentID"] = f"uuid:{OTHER}"
            meta["pdf:Producer"] = OTHER_SPELLED

    document, values = open_pdf(changed(change), read=True)
    document.close()
    assert OTHER[:6] not in values.text


def test_more_than_is_read_is_told(monkeypatch: MonkeyPatch) -> None:
    fields = [{"T": String(f"f{n}"), "V": String("et svar")} for n in range(30)]
    data = form(*fields)

    def values() -> pdf_values.PdfValues:
        document, found = open_pdf(data, read=True)
        document.close()
        return found

    assert (values().text.count("et svar"), values().capped) == (30, False)
    monkeypatch.setattr(pdf_values, "MAX_OBJECTS", 10)
    assert values().capped
    monkeypatch.undo()
    monkeypatch.setattr(pdf_values, "MAX_CHARACTERS", 50)
    assert values().capped and len(values().text) <= 60


def test_a_large_sheet_is_read_up_to_a_set_number_of_bytes(monkeypatch: MonkeyPatch) -> None:
    rows = [cells("Timer", str(n)) for n in range(5_000)]
    data = office_files.xlsx({"xl/worksheets/sheet1.xml": office_files.sheet(*rows)})
    text, capped = check_office(data, "xlsx", read=True)
    assert (text.count("Timer"), capped) == (5_000, False)
    monkeypatch.setattr(office_text, "MAX_XML_BYTES", 100_000)
    text, capped = check_office(data, "xlsx", read=True)
    assert 0 < text.count("Timer") < 5_000 and capped


def test_a_sheet_that_unpacks_to_very_much_is_read_in_part(inspector: Inspector) -> None:
    bomb = office_files.xlsx({"xl/worksheets/sheet1.xml": office_files.sheet("<c/>" * 3_000_000)})
    assert inspect_one(inspector, bomb, "xlsx") == Inspection(capped=True)


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_a_broken_part_is_a_damaged_document(inspector: Inspector, kind: str) -> None:
    broken = {
        "docx": office_files.docx(parts={"word/header1.xml": "<w:hdr>"}),
        "xlsx": office_files.xlsx({"xl/worksheets/sheet1.xml": "<worksheet>"}),
    }
    assert inspect_one(inspector, broken[kind], kind).code == "document.damaged"
