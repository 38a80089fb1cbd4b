"""Documents that are no PDF: each is what its extension says, and runs and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from batch.inspection import Inspection, Inspector
from batch.media_types import ALIASES, MEDIA_TYPES, media_type
from schemas.errors import BadInput
from tests.rigs import office_files, pdfs
from tests.rigs.inspecting import PATIENT_SECONDS, inspect_one

HTML = "<!DOCTYPE html><html><head><title>Løn</title>{head}</head><body {attributes}>{body}</body></html>"


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(1, seconds=PATIENT_SECONDS) as one:
        yield one


def picture(form: str) -> bytes:
    made = BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(made, form)
    return made.getvalue()


def two_pages() -> bytes:
    made = BytesIO()
    first, second = Image.new("L", (60, 40)), Image.new("L", (300, 200), 9)
    first.save(made, "TIFF", save_all=True, append_images=[second])
    return made.getvalue()


def page(body: str = "<p>Kære medarbejder</p>", head: str = "", attributes: str = "") -> bytes:
    return HTML.format(head=head, body=body, attributes=attributes).encode()


GOOD = {
    "png": ("png", picture("PNG")),
    "jpg": ("jpg", picture("JPEG")),
    "jpeg": ("JPEG", picture("JPEG")),
    "tif": ("tif", picture("TIFF")),
    "tif of two pages": ("tiff", two_pages()),
    "txt": ("txt", "Kære medarbejder\r\n\tLøn: 1.234,56 €\f\n".encode()),
    "txt with BOM": ("txt", "\ufeffLøn".encode()),
    "txt in latin-1": ("txt", "Kære medarbejder, løn på".encode("iso-8859-1")),
    "html": ("html", page()),
    "html in latin-1": ("htm", page("<p>Løn på</p>").decode().encode("iso-8859-1")),
    "html with links": (
        "html",
        page('<a href="https://www.example.dk/">se</a> <a href="mailto:a@b.dk">a</a>'),
    ),
    "html with its own picture": (
        "html",
        page('<img src="data:image/png;base64,iVBORw0KGgo="><img src="cid:a">'),
    ),
    "html with its own style": (
        "html",
        page(head="<meta charset=utf-8><style>p { color: red; background: url(#x) }</style>"),
    ),
    "html that speaks of scripts": ("html", page("<p>javascript: onload= er ord</p>")),
    "xml": ("xml", b"<?xml version='1.0'?><loen><beloeb>1</beloeb></loen>"),
    "docx": ("docx", office_files.docx("Kære medarbejder")),
    "docx with a link": (
        "docx",
        office_files.docx(
            "se", parts={"word/_rels/document.xml.rels": office_files.relation("hyperlink", "https://a.dk/")}
        ),
    ),
    "xlsx": ("xlsx", office_files.xlsx()),
}

MISMATCH = {
    "pdf as png": ("png", pdfs.plain_pdf()),
    "png as jpg": ("jpg", picture("PNG")),
    "png as pdf": ("pdf", picture("PNG")),
    "jpg as tif": ("tif", picture("JPEG")),
    "pdf as txt": ("txt", pdfs.payslip_pdf("1408683994", "Test", 9000)),
    "nul in txt": ("txt", b"hej\x00"),
    "escape in txt": ("txt", b"\x1b[31mhej"),
    "cp1252 quotes in txt": ("txt", b"\x93hej\x94 p\xe5"),
    "txt as html": ("html", b"hej"),
    "nul in html": ("html", page() + b"\x00"),
    "txt as xml": ("xml", b"hej"),
    "open xml": ("xml", b"<loen><beloeb></loen>"),
    "txt as docx": ("docx", b"hej"),
    "xlsx as docx": ("docx", office_files.xlsx()),
    "docx as xlsx": ("xlsx", office_files.docx("hej")),
    "zip as docx": ("docx", office_files.packed({"a.txt": "hej"})),
}

DAMAGED = {
    "cut png": ("png", picture("PNG")[:-20]),
    "cut jpg": ("jpg", picture("JPEG")[:-20]),
    "cut tif": ("tif", picture("TIFF")[:60]),
    "tif without its last byte": ("tif", picture("TIFF")[:-1]),
    "tif of two pages without the second": ("tif", two_pages()[: len(picture("TIFF")) + 40]),
    "tif that goes in circles": ("tif", b"II*\x00\x08\x00\x00\x00\x01\x00" + bytes(12) + b"\x08\x00\x00\x00"),
    "cut docx": ("docx", office_files.docx("Kære medarbejder")[:-30]),
    "open part": ("docx", office_files.docx(parts={"word/document.xml": "<w:document"})),
}

ACTIVE_HTML = [
    "<script>alert(1)</script>",
    "<SCRIPT src=x></SCRIPT>",
    "<script",
    "< script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<svg><script>alert(1)</script></svg>",
    "<svg:script>alert(1)</svg:script>",
    "<iframe src='https://a.dk'></iframe>",
    "<object data=x></object>",
    "<embed src=x>",
    "<applet code=x></applet>",
    "<form action='https://a.dk'><input name=a></form>",
    "<p onclick='alert(1)'>",
    "<svg/onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href=' JaVaScRiPt:alert(1)'>a</a>",
    "<a href='java&#10;script:alert(1)'>a</a>",
    "<a href='&#106;avascript:alert(1)'>a</a>",
    "<a href='data:text/html,x'>a</a>",
    "<a href='file:///etc/passwd'>a</a>",
    "<img src='https://a.dk/x.png'>",
    "<img src='//a.dk/x.png'>",
    "<img src='x.png'>",
    "<img src='data:image/svg+xml,<svg/>'>",
    "<img srcset='https://a.dk/x.png 2x'>",
    "<table background='https://a.dk/x.png'></table>",
    "<video poster='https://a.dk/x.png'></video>",
    "<svg><use href='https://a.dk/x.svg#a'/></svg>",
    "<svg><image xlink:href='https://a.dk/x.svg'/></svg>",
    "<p style=\"background:url('https://a.dk/x.png')\">",
    "<p style='background:u\\72l(https://a.dk)'>",
    "<p style='width:expression(alert(1))'>",
    "<style>@import 'https://a.dk/x.css';</style>",
    "<style>p { background: url( https://a.dk/x ) }</style>",
    "<link rel=stylesheet href='https://a.dk/x.css'>",
    "<base href='https://a.dk/'>",
    "<meta http-equiv=refresh content='0;url=https://a.dk'>",
    "<button formaction='javascript:alert(1)'>",
    "<template><img src=x></template>",
]

ACTIVE_XML = [
    "<!DOCTYPE a><a/>",
    '<!DOCTYPE a SYSTEM "https://a.dk/a.dtd"><a/>',
    '<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "<?xml-stylesheet href='https://a.dk/a.xsl' type='text/xsl'?><a/>",
    "<a xmlns:h='http://www.w3.org/1999/xhtml'><h:script>alert(1)</h:script></a>",
    "<a xmlns:x='http://www.w3.org/2001/XInclude'><x:include href='b.xml'/></a>",
]

ACTIVE_OFFICE = {
    "macro": office_files.docx(parts={"word/vbaProject.bin": b"x"}),
    "macro by another name": office_files.docx(
        types='<Override PartName="/word/a.bin" ContentType="application/vnd.ms-office.vbaProject"/>',
        parts={"word/a.bin": b"x"},
    ),
    "macro document": office_files.docx(
        types='<Override PartName="/word/a.xml" ContentType="application/vnd.ms-word.document.macroEnabled"/>'
    ),
    "template": office_files.docx(
        parts={
            "word/_rels/settings.xml.rels": office_files.relation("attachedTemplate", "https://a.dk/a.dotm")
        }
    ),
    "picture": office_files.docx(
        parts={"word/_rels/document.xml.rels": office_files.relation("image", "https://a.dk/a.png")}
    ),
    "control": office_files.docx(parts={"word/activeX/activeX1.xml": "<a/>"}),
    "object": office_files.docx(parts={"word/embeddings/oleObject1.bin": b"x"}),
    "data field": office_files.docx(parts={"word/document.xml": office_files.field(" DDEAUTO c:\\\\a ")}),
    "doctype": office_files.docx(parts={"word/document.xml": "<!DOCTYPE a><a/>"}),
}

ACTIVE_BOOKS = {
    "macro": office_files.xlsx({"xl/vbaProject.bin": b"x"}),
    "other book": office_files.xlsx({"xl/externalLinks/externalLink1.xml": "<a/>"}),
    "old macro": office_files.xlsx({"xl/macrosheets/sheet1.xml": "<a/>"}),
    "connection": office_files.xlsx({"xl/connections.xml": "<a/>"}),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_document_passes(inspector: Inspector, kind: str) -> None:
    extension, data = GOOD[kind]
    assert inspect_one(inspector, data, extension) == Inspection()


@pytest.mark.parametrize("kind", MISMATCH)
def test_another_kind_of_file_is_refused(inspector: Inspector, kind: str) -> None:
    extension, data = MISMATCH[kind]
    assert inspect_one(inspector, data, extension).code == "document.type_mismatch"


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_cut_document_is_refused(inspector: Inspector, kind: str) -> None:
    extension, data = DAMAGED[kind]
    assert inspect_one(inspector, data, extension).code == "document.damaged"


@pytest.mark.parametrize("extension", [*MEDIA_TYPES, *ALIASES])
def test_an_empty_document_is_refused_as_empty(inspector: Inspector, extension: str) -> None:
    assert inspect_one(inspector, b"", extension).code == "document.empty"


@pytest.mark.parametrize("extension", ["exe", "", "doc", "pdf2"])
def test_an_unknown_extension_is_refused(inspector: Inspector, extension: str) -> None:
    assert inspect_one(inspector, b"hej", extension).code == "document.type_unknown"
    with pytest.raises(BadInput) as caught:
        media_type(extension)
    assert caught.value.code == "document.type_unknown"


@pytest.mark.parametrize("body", ACTIVE_HTML)
def test_a_web_page_that_runs_or_loads_is_refused(inspector: Inspector, body: str) -> None:
    assert inspect_one(inspector, page(body), "html").code == "document.active_content"


def test_a_web_page_that_runs_on_opening_is_refused(inspector: Inspector) -> None:
    assert (
        inspect_one(inspector, page(attributes="onload=alert(1)"), "html").code == "document.active_content"
    )


@pytest.mark.parametrize("text", ACTIVE_XML)
def test_xml_that_declares_loads_or_runs_is_refused(inspector: Inspector, text: str) -> None:
    assert inspect_one(inspector, text.encode(), "xml").code == "document.active_content"


def test_an_entity_bomb_is_refused(inspector: Inspector) -> None:
    deeper = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "ha">{deeper}]><a b="&e11;">&e11;</a>'
    assert inspect_one(inspector, bomb.encode(), "xml").code == "document.active_content"
    assert inspect_one(inspector, bomb.encode("utf-16"), "xml").code != ""


@pytest.mark.parametrize("kind", ACTIVE_OFFICE)
def test_a_word_document_that_runs_or_loads_is_refused(inspector: Inspector, kind: str) -> None:
    assert inspect_one(inspector, ACTIVE_OFFICE[kind], "docx").code == "document.active_content"


@pytest.mark.parametrize("kind", ACTIVE_BOOKS)
def test_a_workbook_that_runs_or_loads_is_refused(inspector: Inspector, kind: str) -> None:
    assert inspect_one(inspector, ACTIVE_BOOKS[kind], "xlsx").code == "document.active_content"


def test_an_office_file_with_a_password_is_told_as_such(inspector: Inspector) -> None:
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert inspect_one(inspector, locked, "docx").code == "document.encrypted"


@pytest.mark.parametrize("name", ["word/document.xml", "[Content_Types].xml"])
def test_a_zip_bomb_stays_packed(inspector: Inspector, name: str) -> None:
    bomb = office_files.docx(parts={name: b" " * 40_000_000})
    assert inspect_one(inspector, bomb, "docx").code == "document.too_big_to_open"


def test_a_zip_with_very_many_parts_stays_packed(inspector: Inspector) -> None:
    crowd = office_files.docx(parts={f"word/{n}.xml": "" for n in range(6_000)})
    assert inspect_one(inspector, crowd, "docx").code == "document.too_big_to_open"


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("txt", b"Vedr. 010165-3999"),
        ("txt", "Vedr. 010165–3999 på".encode()),
        ("html", page("<p>Vedr. 010165-3999</p>")),
        ("html", page("<p>Vedr. 010165-<b>3999</b></p>")),
        ("html", page("<p>Vedr. 010165<!-- x -->-3999</p>")),
        ("html", page("<p>Vedr. <!-- x -->010165-3999</p>")),
        ("html", page("<p>Vedr. 010165&#8209;3999</p>")),
        ("html", page("<table><tr><td>CPR</td><td>010165-xxxx</td></tr></table>")),
        ("docx", office_files.docx("Vedr. 010165-3999")),
    ],
)
def test_the_guard_reads_other_documents_too(inspector: Inspector, extension: str, data: bytes) -> None:
    assert inspect_one(inspector, data, extension) == Inspection("document.other_cpr", hold=True)
    assert inspect_one(inspector, data, extension, recipient="0101653999") == Inspection()
    assert inspect_one(inspector, data, extension, guard=False) == Inspection()


def test_an_account_in_a_web_pages_table_trips_nothing(inspector: Inspector) -> None:
    rows = "<tr><td>Konto</td><td>1234</td><td>0101653999</td></tr>\n"
    rows += "<tr><td>P-nr.</td>\n<td>0101653999</td></tr>"
    assert inspect_one(inspector, page(f"<table>{rows}</table>"), "html") == Inspection()
