"""Judges HTML and XML: well made, and nothing in it that runs or loads something from elsewhere.

Relies on lxml, which is loaded only when such a document comes. To be run in the child process. Plain links
are fine; pictures must stand in the document itself (`data:` or `cid:`). The rules are strict rather than
clever: a document that could be read in two ways is turned down. Reads nothing from the net.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from batch.plain_rules import read_text
from schemas.errors import BadInput

if TYPE_CHECKING:
    from lxml.etree import _Element

START_CHARACTERS = 2048

_FORBIDDEN = "script|iframe|frame|frameset|object|embed|applet|base|form|link|portal|template"
_FORBIDDEN_TAGS = frozenset(_FORBIDDEN.split("|"))
# The same once more over the bare text: browsers find tags where a parser sees a comment or a broken one.
_RAW_TAG = re.compile(rf"<\s*/?\s*(?:[a-z]+:)?({_FORBIDDEN})(?![a-z0-9])", re.IGNORECASE)
_RAW_EVENT = re.compile(r"<[a-z][^<>]*[\s/\"']on[a-z]+\s*=", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_LOADS = frozenset({"src", "srcset", "background", "poster", "data", "lowsrc", "dynsrc", "manifest"})
_LINKS = frozenset({"a", "area"})
_BAD_SCHEME = re.compile(r"(?:javascript|vbscript|livescript|data|file|about|blob):", re.IGNORECASE)
_IN_PLACE = re.compile(r"(?:data:image/(?:png|jpe?g|gif|webp|bmp)[;,]|cid:|#)", re.IGNORECASE)
_STYLE_LOADS = re.compile(
    r"@import|expression\s*\(|behaviou?r\s*:|-moz-binding|url\s*\(\s*['\"]?(?!\s*(?:data:image/|data:font/|#))"
    r"|\\[0-9a-f]",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    (
        *("html", "head", "title", "body", "main", "header", "footer", "section", "article", "aside", "nav"),
        *("div", "p", "pre", "blockquote", "address", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("table", "caption", "tr", "ul", "ol", "li", "dl", "dt", "dd"),
    )
)
_SAYING = frozenset({"alt", "title", "value", "placeholder", "aria-label", "content", "summary", "label"})
_WHITESPACE = re.compile(r"\s+")
_BLANKS = re.compile(r" {2,}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\ufeff]")


def check_html(data: bytes) -> str:
    """Returns the text of an HTML document: what is seen, and after that what stands in attributes.

    Raises BadInput `document.type_mismatch` (no HTML), `document.active_content` (with `kind`).
    """
    from lxml import etree

    text = read_text(data)
    if not _LOOKS_LIKE_HTML.search(text[:START_CHARACTERS]):
        raise BadInput("document.type_mismatch")
    if found := _RAW_TAG.search(text):
        raise _active(found[1].lower())
    if _RAW_EVENT.search(text):
        raise _active("event")
    parser = etree.HTMLParser(no_network=True, encoding="utf-8", huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        raise BadInput("document.type_mismatch") from None
    for element in root.iter(etree.Element):
        _check_element(element)
    return "\n".join((_visible_text(root), *_unseen_text(root)))


def check_xml(data: bytes) -> str:
    """Returns what an XML document says: each value on a line of its own after its name.

    Raises BadInput `document.type_mismatch` unless the document is well-formed XML, and
    `document.active_content` for a DOCTYPE, a style sheet, a script or an inclusion."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        # A DOCTYPE may be what broke it; it is told as such, because the cure is another one.
        if b"<!DOCTYPE" in data:
            raise _active("doctype") from None
        raise BadInput("document.type_mismatch") from None
    if has_doctype(root):
        raise _active("doctype")
    if _has_stylesheet(root):
        raise _active("stylesheet")
    for element in root.iter(etree.Element):
        if _local(element) in ("script", "iframe", "include"):
            raise _active(_local(element))
    return "\n".join(_values(root))


def has_doctype(root: _Element) -> bool:
    """True when the document of this root declares a document type, the door to entities."""
    return root.getroottree().docinfo.internalDTD is not None


def _values(root: _Element) -> Iterator[str]:
    """Yields the values of an XML tree; text behind an element is its parent's."""
    from lxml import etree

    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            yield f"{str(name).rpartition('}')[2]}: {value!s}"
        behind = (child.tail or "" for child in element)
        said = _WHITESPACE.sub(" ", " ".join((element.text or "", *behind))).strip()
        if said:
            yield f"{_local(element)}: {said}"


def _unseen_text(root: _Element) -> Iterator[str]:
    """Yields what an HTML page says in attributes: hints, values, descriptions."""
    from lxml import etree

    for element in root.iter(etree.Element):
        yield from (str(value) for name, value in element.attrib.items() if str(name).lower() in _SAYING)


def _visible_text(root: _Element) -> str:
    """Returns the text of an HTML tree: blocks on lines of their own, cells and words beside each other."""
    from lxml import etree

    parts: list[str] = []
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "start":
            parts.append("\n" if _local(node) in _BLOCKS else " ")
            written = "" if node.tag == "style" else node.text
        else:
            parts.append("\n" if event == "end" and _local(node) in _BLOCKS else " ")
            written = node.tail
        parts.append(_WHITESPACE.sub(" ", written or ""))
    return _BLANKS.sub(" ", "".join(parts))


def _has_stylesheet(root: _Element) -> bool:
    """True when an instruction before the root element asks for a style sheet."""
    before = root.getprevious()
    while before is not None:
        if getattr(before, "target", "") == "xml-stylesheet":
            return True
        before = before.getprevious()
    return False


def _check_element(element: _Element) -> None:
    tag = _local(element)
    if tag in _FORBIDDEN_TAGS:
        raise _active(tag)
    if tag == "style" and _STYLE_LOADS.search(element.text or ""):
        raise _active("style")
    for name, value in element.attrib.items():
        _check_attribute(tag, str(name).rpartition("}")[2].rpartition(":")[2].lower(), str(value))


def _check_attribute(tag: str, name: str, value: str) -> None:
    bare = _UNSEEN.sub("", value)
    if name.startswith("on"):
        raise _active("event")
    if name in ("http-equiv", "srcdoc", "formaction", "ping"):
        if name != "http-equiv" or bare.lower() not in (
            "content-type",
            "content-language",
            "x-ua-compatible",
        ):
            raise _active("event")
    elif name == "style" and _STYLE_LOADS.search(value):
        raise _active("style")
    elif name == "href" and tag in _LINKS:
        if _BAD_SCHEME.match(bare):
            raise _active("link")
    elif (name in _LOADS or name == "href") and bare and not _IN_PLACE.match(bare):
        raise _active("external content")


def _local(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()


def _active(kind: str) -> BadInput:
    return BadInput("document.active_content", kind=kind)
