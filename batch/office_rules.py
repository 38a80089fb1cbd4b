"""Judges Word and Excel files (docx, xlsx): whole, without macros, and loading nothing from elsewhere.

Relies on the standard library's zipfile and on lxml. To be run in the child process. Reads only the parts
that say what the file holds, each within a limit, so that a zip bomb stays packed. Opens no macro; the text
is read by `batch.office_text`.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile, ZipInfo

from batch.markup_rules import has_doctype
from batch.office_text import OfficeText
from schemas.errors import BadInput

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_PARTS = 5_000
MAX_PART_BYTES = 16 * 1024 * 1024
MAX_TOTAL_BYTES = 512 * 1024 * 1024

_MAIN = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}
_TYPES = "[Content_Types].xml"
_OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# By the part's name: macros, controls, objects of other programs, links to other workbooks.
_ACTIVE_PARTS = {
    "vbaproject": "macro",
    "vbadata": "macro",
    "/activex": "ActiveX",
    "/embeddings/": "EmbeddedFile",
    "/externallinks/": "external content",
    "/macrosheets/": "macro",
    "/dialogsheets/": "macro",
    "/queries/": "external content",
    "/connections.xml": "external content",
    "/customui": "macro",
}


def check_office(data: bytes, extension: str, *, read: bool) -> tuple[str, bool]:
    """Returns what the file says when it is to be read, else "", and whether some of it was left out.

    Raises BadInput: `document.type_mismatch`, `document.encrypted`, `document.damaged`,
    `document.too_big_to_open`, `document.active_content`.
    """
    if data.startswith(_OLE_START):  # an Office file with a password, or one of the old formats
        raise BadInput(
            "document.encrypted" if b"E\x00n\x00c\x00r\x00y\x00p\x00t" in data else "document.type_mismatch"
        )
    try:
        with ZipFile(BytesIO(data)) as parts:
            _check_parts(parts, extension)
            if not read:
                return "", False
            text = OfficeText(parts)
            return (text.of_word() if extension == "docx" else text.of_book()), text.capped
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError):
        raise BadInput("document.damaged" if data.startswith(b"PK") else "document.type_mismatch") from None


def _check_parts(parts: ZipFile, extension: str) -> None:
    infos = parts.infolist()
    names = {info.filename for info in infos}
    if not {_TYPES, _MAIN[extension]} <= names:
        raise BadInput("document.type_mismatch")
    if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise BadInput("document.too_big_to_open")
    if any(info.flag_bits & 1 for info in infos):
        raise BadInput("document.encrypted")
    for name in names:
        _check_name(name)
    _check_types(_read_xml(parts, parts.getinfo(_TYPES)))
    for info in infos:
        if info.filename.endswith(".rels"):
            _check_relations(_read_xml(parts, info))
    main = _read_xml(parts, parts.getinfo(_MAIN[extension]))
    if extension == "docx":
        _check_fields(main)


def _check_name(name: str) -> None:
    folded = f"/{name.lower()}"
    for part, kind in _ACTIVE_PARTS.items():
        if part in folded:
            raise BadInput("document.active_content", kind=kind)


def _check_types(types: _Element) -> None:
    for entry in types.iter("{*}Override", "{*}Default"):
        declared = (entry.get("ContentType") or "").lower()
        if "macroenabled" in declared or "vbaproject" in declared or "activex" in declared:
            raise BadInput("document.active_content", kind="macro")


def _check_relations(relations: _Element) -> None:
    """Lets plain links point outwards; a template, a picture or an object from elsewhere is loaded."""
    for relation in relations.iter("{*}Relationship"):
        outward = (relation.get("TargetMode") or "").lower() == "external"
        if outward and not (relation.get("Type") or "").lower().endswith("/hyperlink"):
            raise BadInput("document.active_content", kind="external content")


def _check_fields(document: _Element) -> None:
    """Refuses fields of a Word document's main part that fetch data (DDE)."""
    for field in document.iter(f"{_WORD}instrText", f"{_WORD}fldSimple"):
        instruction = (field.text or field.get(f"{_WORD}instr") or "").strip().upper()
        if instruction.startswith(("DDE", "INCLUDETEXT", "INCLUDEPICTURE", "IMPORT")):
            raise BadInput("document.active_content", kind="external content")


def _read_xml(parts: ZipFile, info: ZipInfo) -> _Element:
    """Returns one part, parsed; the size its header claims is not believed."""
    from lxml import etree

    with parts.open(info) as file:
        content = file.read(MAX_PART_BYTES + 1)
    if len(content) > MAX_PART_BYTES:
        raise BadInput("document.too_big_to_open")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise BadInput("document.damaged") from None
    if has_doctype(root):
        raise BadInput("document.active_content", kind="doctype")
    return root
