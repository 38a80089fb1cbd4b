"""Reads what a SOAP service answers: the one word of an answer, or a fault in whatever form it has.

Relies on the hardened parser of `replies`. Takes bytes that anybody may have written: names are compared
without their namespaces where services are known to differ (facts/eboks a.5, b.2), and elements are found in
any order. Judges nothing: see `faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eboks.replies import Reply, local_name, parse_xml

if TYPE_CHECKING:
    from lxml import etree

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"

_CODES = frozenset({"FejlKode", "ErrorCode"})
_TEXTS = frozenset({"FejlTekst", "ErrorText"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: who is to blame, and every code and text it gives. None of it is fit to be shown.

    `blame` is the faultcode without its prefix: `Client`, `Server`, … perhaps with more after a dot.
    """

    blame: str = field(repr=False)
    codes: tuple[str, ...] = field(default=(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands in the body of an envelope, when it is no fault."""

    _content: etree._Element = field(repr=False)

    def word(self, name: str, place: str) -> str | None:
        """Returns the text at `place` below the element `name`; None when this is not that answer.

        `name` has its namespace; `place` are names without, joined by dots. A place that is there twice says
        nothing.
        """
        content = self._content
        if content.tag != name:
            return None
        for step in place.split("."):
            found = [child for child in content if local_name(child) == step]
            if len(found) != 1:
                return None
            content = found[0]
        return _text(content)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that says nothing we may go by, and the code for why."""

    code: str


Said = Answer | Fault | Unreadable


def read_reply(reply: Reply, broken: Callable[[etree._Element], str] | None = None) -> Said:
    """Returns what a reply says: it must have come whole, as a SOAP 1.1 envelope around one element.

    `broken` looks at the whole envelope first and returns why it is not to be trusted, else nothing.
    """
    root = None if reply.fault else parse_xml(reply.body)
    if root is None or root.tag != f"{{{SOAP_11}}}Envelope":
        return Unreadable(reply.fault or "eboks.unreadable_reply")
    bodies = root.findall(f"{{{SOAP_11}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        return Unreadable("eboks.unreadable_reply")
    if broken is not None and (code := broken(root)):
        return Unreadable(code)
    content = bodies[0][0]
    return _fault(content) if content.tag == f"{{{SOAP_11}}}Fault" else Answer(content)


def _fault(content: etree._Element) -> Fault:
    parts = {local_name(child): child for child in content}
    detail = parts.get("detail")
    within = [] if detail is None else [(local_name(one), _text(one)) for one in detail.iter()]
    said = [_text(parts["faultstring"])] if "faultstring" in parts else []
    return Fault(
        blame=_text(parts["faultcode"]).rpartition(":")[2] if "faultcode" in parts else "",
        codes=tuple(text for name, text in within if name in _CODES and text),
        texts=(*said, *(text for name, text in within if name in _TEXTS)),
    )


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()
