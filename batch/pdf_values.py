"""Reads what a PDF says beside its pages: form fields, annotations, bookmarks, and its own title.

Relies on pikepdf for the objects and on lxml for the title that stands in XMP. To be run in the child process
only, on a file that `batch.pdf_rules` has found whole. Goes round no circle, and reads a set amount and no
more. What a viewer draws on the pages is read by `batch.pdf_text`; scripts are refused, not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pikepdf import Array, DataDecodingError, Dictionary, Object, Pdf, PdfError, Stream, String

MAX_OBJECTS = 50_000
MAX_CHARACTERS = 1_000_000
MAX_XMP_BYTES = 1_000_000

_VALUES = ("/V", "/DV", "/Contents", "/RC")
_INFO = ("/Title", "/Author", "/Subject", "/Keywords")
# By their names in XMP: Dublin Core's, and Adobe's keywords. Ids and histories are numbers of nobody.
_XMP_TAGS = ("title", "creator", "description", "subject", "Keywords")
_INLINE_TAG = re.compile(r"</?(?:b|i|u|a|em|strong|span|font|sub|sup)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class PdfValues:
    """The texts, one on a line, a field's after its name; `capped` when there were more than are read."""

    text: str = ""
    capped: bool = False


def read_values(pdf: Pdf) -> PdfValues:
    """Returns every text of a PDF that stands on no page; empty for most."""
    lines: list[str] = []
    left = MAX_CHARACTERS
    for n_seen, line in enumerate(_lines(pdf)):
        if n_seen >= MAX_OBJECTS or left <= 0:
            return PdfValues("\n".join(lines), capped=True)
        if line:
            lines.append(line[:left])
            left -= len(line)
    return PdfValues("\n".join(lines), capped=left < 0)


def _lines(pdf: Pdf) -> Iterator[str]:
    """Yields a line for every object that is looked at, empty when it says nothing."""
    seen: set[tuple[int, int]] = set()
    yield from _info_lines(pdf)
    yield from _field_lines(pdf, seen)
    for page in pdf.pages:
        for one in _array(page.obj.get("/Annots")):
            if isinstance(one, Dictionary) and _is_new(one, seen):
                yield _value_line(one, "")
    yield from _bookmark_lines(pdf, seen)


def _field_lines(pdf: Pdf, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yields the form's fields; a field without a name goes by its parent's."""
    form = pdf.Root.get("/AcroForm")
    waiting = [(one, "") for one in _array(form.get("/Fields"))] if isinstance(form, Dictionary) else []
    while waiting:
        field, name = waiting.pop()
        if not isinstance(field, Dictionary) or not _is_new(field, seen):
            yield ""
            continue
        name = " ".join(filter(None, (_text(field.get("/TU")), _text(field.get("/T"))))) or name
        yield _value_line(field, name)
        waiting += [(kid, name) for kid in _array(field.get("/Kids"))]


def _value_line(one: Object, name: str) -> str:
    """Returns a field's or an annotation's values, each after the field's name."""
    values = dict.fromkeys(value for key in _VALUES for value in _texts(one.get(key)) if value)
    return "\n".join(f"{name}: {value}" if name else value for value in values)


def _bookmark_lines(pdf: Pdf, seen: set[tuple[int, int]]) -> Iterator[str]:
    waiting = [pdf.Root.get("/Outlines")]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Dictionary) and _is_new(one, seen):
            yield _text(one.get("/Title"))
            waiting += [one.get("/First"), one.get("/Next")]


def _info_lines(pdf: Pdf) -> Iterator[str]:
    info = pdf.trailer.get("/Info")
    if isinstance(info, Dictionary):
        yield from (_text(info.get(key)) for key in _INFO)
    described = pdf.Root.get("/Metadata")
    if isinstance(described, Stream):
        yield from _xmp_lines(_unpacked(described)[:MAX_XMP_BYTES])


def _xmp_lines(packet: bytes) -> Iterator[str]:
    """Yields the titles of an XMP packet; a packet that can't be parsed says nothing to a reader either."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(packet.strip(b"\x00 \r\n\t") or b"<x/>", parser)
    if root is None:
        return
    for element in root.iter(*(f"{{*}}{tag}" for tag in _XMP_TAGS)):
        yield " ".join(str(text) for text in element.itertext())
    for element in root.iter(etree.Element):
        yield from (str(value) for name, value in element.attrib.items() if _local(str(name)) in _XMP_TAGS)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _is_new(one: Object, seen: set[tuple[int, int]]) -> bool:
    """False for an object that was looked at before; one written in place has no number and is its own."""
    if not one.is_indirect:
        return True
    if one.objgen in seen:
        return False
    seen.add(one.objgen)
    return True


def _array(value: object) -> list[Object]:
    return list(value) if isinstance(value, Array) else []


def _texts(value: object) -> list[str]:
    """Returns the texts of a value: one, or those of a list of choices."""
    return [_text(part) for part in value] if isinstance(value, Array) else [_text(value)]


def _text(value: object) -> str:
    """Returns a text as a reader shows it, without the marks of rich text; "" for anything else."""
    if isinstance(value, Stream):
        return _plain(_unpacked(value)[: 2 * MAX_CHARACTERS].decode("utf-8", "replace"))
    if not isinstance(value, String):
        return ""
    try:
        return _plain(str(value))
    except ValueError:  # no character set that we know
        return _plain(bytes(value).decode("iso-8859-1"))


def _unpacked(stream: Stream) -> bytes:
    """Returns a stream's content, nothing for a damaged one; raises MemoryError."""
    try:
        return stream.read_bytes()
    except (PdfError, DataDecodingError) as error:
        if "bad_alloc" in str(error):
            raise MemoryError from None
        return b""


def _plain(text: str) -> str:
    if "<" in text:
        text = _TAG.sub("\n", _INLINE_TAG.sub("", text))
    return text.replace("\r", "\n").strip()
