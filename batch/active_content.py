"""Finds what a PDF would run, load or carry besides its pages.

Relies on pikepdf for the objects. Looks at every object of the file, reached from a page or not, so that no
name tree, annotation, form or chain of actions can hide anything, and cyclic references lead nowhere. Plain
links and going to a page are no active content. Does not judge whether a script is harmful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream, String

MAX_CHAIN = 50
"""More actions after one another than this are no bookmark."""

# Quick look: an object that shows none of these words is not walked. qpdf writes names in their plain form.
_SUSPECT = re.compile(
    rb"/(?:JS|JavaScript|Launch|OpenAction|AA|EmbeddedFile|EF|FileAttachment|RichMedia\w*|XFA|SubmitForm"
    rb"|ImportData|GoToR|GoToE|Rendition|Movie|Sound|Screen|3D|URI)(?![A-Za-z0-9_#.-])"
)
_ACTIONS = {
    "/JavaScript": "JavaScript",
    "/Launch": "Launch",
    "/SubmitForm": "SubmitForm",
    "/ImportData": "ImportData",
    "/GoToR": "GoToR",
    "/GoToE": "GoToE",
    "/Rendition": "Rendition",
    "/Movie": "Movie",
    "/Sound": "Sound",
    "/RichMediaExecute": "RichMedia",
}
_SUBTYPES = {
    "/RichMedia": "RichMedia",
    "/3D": "3D",
    "/Movie": "Movie",
    "/Sound": "Sound",
    "/Screen": "Screen",
    "/FileAttachment": "EmbeddedFile",
}
_PRESENT = {
    "/JavaScript": "JavaScript",
    "/EF": "EmbeddedFile",
    "/XFA": "XFA",
    "/RichMediaContent": "RichMedia",
}
_BAD_LINK = re.compile(r"\s*(?:javascript|vbscript|file|data)\s*:", re.IGNORECASE)


def find_active_content(pdf: Pdf) -> str:
    """Returns the kind of the first active content found, one plain word, or "" when there is none."""
    for one in pdf.objects:
        if not isinstance(one, (Dictionary, Stream, Array)):
            continue
        stream = isinstance(one, Stream)
        if stream and "/F" in one:
            return "external stream"
        text = one.stream_dict.unparse() if stream else one.unparse(resolved=True)
        if _SUSPECT.search(text):
            for part in _parts(one):
                if kind := _kind(part):
                    return kind
    return ""


def _parts(one: Object) -> Iterator[Object]:
    """Yields the dictionaries written directly in an object; other objects are looked at on their own."""
    waiting = [one]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Array):
            values = list(part)
        else:
            yield part
            values = [value for _, value in part.items()]
        waiting += [v for v in values if isinstance(v, (Dictionary, Array)) and not v.is_indirect]


def _kind(part: Object) -> str:
    """Returns what one dictionary would run, load or carry."""
    for key, kind in _PRESENT.items():
        if key in part:
            return kind
    if "/JS" in part and isinstance(part["/JS"], (String, Stream)):
        return "JavaScript"
    if part.get("/Type") == Name.EmbeddedFile:
        return "EmbeddedFile"
    kind = _ACTIONS.get(_name(part, "/S")) or _SUBTYPES.get(_name(part, "/Subtype")) or _bad_link(part)
    return kind or _trigger(part)


def _name(part: Object, key: str) -> str:
    value = part.get(key)
    return str(value) if isinstance(value, Name) else ""


def _bad_link(part: Object) -> str:
    link = part.get("/URI")
    return "link" if isinstance(link, String) and _BAD_LINK.match(str(link)) else ""


def _trigger(part: Object) -> str:
    """Returns what starts by itself, when the document or a page is opened, closed or printed."""
    if "/OpenAction" in part and not _only_goes_to_page(part["/OpenAction"]):
        return "OpenAction"
    events = part.get("/AA")
    if isinstance(events, Dictionary):
        for _, action in events.items():
            if not _only_goes_to_page(action):
                return "AA"
    return ""


def _only_goes_to_page(action: Object) -> bool:
    """True for a destination, and for an action that goes to a page and is followed by such ones only."""
    waiting, n_seen = [action], 0
    while waiting:
        one = waiting.pop()
        n_seen += 1
        if n_seen > MAX_CHAIN:
            return False
        if not isinstance(one, Dictionary):
            continue  # a destination: an array, a name or a text
        if _name(one, "/S") not in ("/GoTo", ""):
            return False
        following = one.get("/Next")
        if following is not None:
            waiting += list(following) if isinstance(following, Array) else [following]
    return True
