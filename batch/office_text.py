"""Reads the text of Word and Excel files: paragraphs, cells, headers, notes, comments and their own titles.

Relies on lxml's incremental parser, so that a large sheet never lies in memory whole. To be run in the child
process, on a file that `batch.office_rules` has found harmless. Reads a set number of bytes and no more, and
computes no formula: a cell's last value is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, ZipInfo

from schemas.errors import BadInput

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_XML_BYTES = 8 * 1024 * 1024
"""Of all parts together, unpacked: a second or two of work, and below the parser's own limit."""
_PIECE_BYTES = 64 * 1024

_WORD = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments\w*|charts/\w+)\.xml")
_SHEET = re.compile(r"xl/(?:worksheets|chartsheets)/[^/]+\.xml")
_BESIDE = re.compile(r"xl/(?:comments\w*|threadedComments/\w+|drawings/\w+|charts/\w+)\.xml")
_TITLES = re.compile(r"docProps/(?:core|custom)\.xml")
_SHARED = "xl/sharedStrings.xml"
_BOOK = "xl/workbook.xml"
_TEXTS = frozenset({"t", "delText", "text", "v"})
_ENDS = frozenset({"p", "br", "tr", "comment", "threadedComment", "pt"})
_GAPS = frozenset({"tab", "tc"})
_PAGE_TEXTS = ("oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter")
_FLOAT = re.compile(r"[0-9.]+E\+?[0-9]{1,2}")
# Between two cells: a sign that is part of no number, so that two cells never make one.
_BETWEEN_CELLS = " | "


class OfficeText:
    """The text of one file under way; `capped` once something was left out."""

    def __init__(self, parts: ZipFile) -> None:
        self._parts = parts
        self._left = MAX_XML_BYTES
        self.capped = False

    def of_word(self) -> str:
        """Returns all that a Word document says, a paragraph on a line."""
        return self._titles() + "\n".join(self._flow(info) for info in self._matching(_WORD))

    def of_book(self) -> str:
        """Returns all that a workbook says: its sheets row by row, their names, comments and drawings."""
        book = self._parts.getinfo(_BOOK)
        said = [_name(element) for element in self._elements(book) if _local(element) == "sheet"]
        shared = self._shared()
        for sheet in self._matching(_SHEET):
            said += self._rows(sheet, shared)
        said += [self._flow(info) for info in self._matching(_BESIDE)]
        return self._titles() + "\n".join(said)

    def _titles(self) -> str:
        said = [
            element.text.strip()
            for info in self._matching(_TITLES)
            for element in self._elements(info)
            if element.text and not len(element)
        ]
        return "\n".join([*said, ""])

    def _matching(self, names: re.Pattern[str]) -> list[ZipInfo]:
        return [info for info in self._parts.infolist() if names.fullmatch(info.filename)]

    def _flow(self, info: ZipInfo) -> str:
        """Returns the running text of a part."""
        said: list[str] = []
        for element in self._elements(info):
            local = _local(element)
            if local in _TEXTS:
                said.append(element.text or "")
            elif local in _ENDS:
                said.append("\n")
            elif local in _GAPS:
                if said and said[-1] == "\n":  # a cell's last paragraph ends its line in the cell only
                    said.pop()
                said.append(_BETWEEN_CELLS)
        return "".join(said)

    def _shared(self) -> list[str]:
        """Returns the texts that cells name by their number."""
        if _SHARED not in self._parts.namelist():
            return []
        shared: list[str] = []
        now: list[str] = []
        for element in self._elements(self._parts.getinfo(_SHARED)):
            if _local(element) == "t":
                now.append(element.text or "")
            elif _local(element) == "si":
                shared.append("".join(now))
                now = []
        return shared

    def _rows(self, info: ZipInfo, shared: list[str]) -> Iterator[str]:
        cells: list[str] = []
        said = ""
        for element in self._elements(info):
            local = _local(element)
            if local in ("v", "t"):
                said = (said if local == "t" else "") + (element.text or "")
            elif local == "c":
                cells.append(_cell(element.get("t") or "", said, shared))
                said = ""
            elif local == "row":
                yield _BETWEEN_CELLS.join(cells)
                cells = []
            elif local in _PAGE_TEXTS:
                yield element.text or ""
        if cells:
            yield _BETWEEN_CELLS.join(cells)

    def _elements(self, info: ZipInfo) -> Iterator[_Element]:
        """Yields a part's elements as they end, and forgets them; the size that its header claims is not
        believed."""
        from lxml import etree

        parser = etree.XMLPullParser(
            events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        try:
            for piece in self._pieces(info):
                parser.feed(piece)
                yield from _forgetting(parser.read_events())
            if not self.capped:
                parser.close()
                yield from _forgetting(parser.read_events())
        except etree.XMLSyntaxError:
            raise BadInput("document.damaged") from None

    def _pieces(self, info: ZipInfo) -> Iterator[bytes]:
        with self._parts.open(info) as file:
            while piece := file.read(_PIECE_BYTES):
                if len(piece) > self._left:
                    self.capped = True
                    return
                self._left -= len(piece)
                yield piece


def _forgetting(events: Iterator[Any]) -> Iterator[_Element]:
    """Yields the elements that have ended and empties the large ones, with all that stood before them."""
    for _, element in events:
        yield element
        if _local(element) in ("p", "row", "si", "comment", "threadedComment"):
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _cell(kind: str, said: str, shared: list[str]) -> str:
    """Returns what a cell shows: a shared text, or the value itself, a large number in all its digits."""
    if kind == "s":
        return shared[int(said)] if said.isdigit() and int(said) < len(shared) else ""
    if kind not in ("", "n"):
        return said
    number = f"{float(said):.0f}" if _FLOAT.fullmatch(said) else said
    # A CPR number that was stored as a number has lost its leading zero (facts/identity.md 1.1, row 14).
    return number.zfill(10) if len(number) == 9 and number.isdigit() else number


def _name(element: _Element) -> str:
    return element.get("name") or ""


def _local(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]
