"""Judges one document by its kind and, where asked, by the people its text speaks of.

Relies on the `*_rules` modules and on `batch.other_cpr`. To be run in the child process only. Knows nothing
of sizes and kinds that a material allows: intake decides them.
"""

from __future__ import annotations

from itertools import chain

from batch.inspection_frames import Inspection, InspectionRequest
from batch.media_types import ALIASES
from batch.other_cpr import fold, judge_text, shows_recipient
from schemas.errors import BadInput

IMAGES = ("png", "jpg", "tif")
OFFICE = ("docx", "xlsx")
MAX_CHARACTERS = 4_000_000
"""The guard reads no more than so much of a text, as `batch.pdf_text` does."""


def judge_document(request: InspectionRequest) -> Inspection:
    """Returns what is to be said of a document; MemoryError passes, everything expected becomes a code."""
    try:
        if not request.data:
            raise BadInput("document.empty")
        extension = ALIASES.get(request.extension.lower(), request.extension.lower())
        if extension == "pdf":
            return _judge_pdf(request)
        text, capped = _text_of(request.data, extension, read=request.guard)
        capped = capped or len(text) > MAX_CHARACTERS
        return _judge_guard(request, text[:MAX_CHARACTERS], 0, capped=capped)
    except BadInput as error:
        return Inspection(error.code, error.params)


def _judge_pdf(request: InspectionRequest) -> Inspection:
    from batch.pdf_rules import open_pdf

    document, values = open_pdf(request.data, read=request.guard)
    n_pages = document.n_pages
    try:
        if not request.guard:
            document.check_first_page()
            return Inspection(n_pages=n_pages)
        texts = []
        for text in chain([values.text], document.texts()):
            if shows_recipient(fold(text), request.recipient):
                return Inspection(n_pages=n_pages)
            texts.append(text)
    finally:
        document.close()
    return _judge_guard(request, "\n".join(texts), n_pages, capped=document.capped or values.capped)


def _text_of(data: bytes, extension: str, *, read: bool) -> tuple[str, bool]:
    """Checks a document that is no PDF; returns its text, "" where it has none, and whether that is cut."""
    from batch import markup_rules, office_rules, plain_rules

    text, capped = "", False
    if extension in IMAGES:
        plain_rules.check_image(data, extension)
    elif extension == "txt":
        text = plain_rules.read_text(data)
    elif extension == "html":
        text = markup_rules.check_html(data)
    elif extension == "xml":
        text = markup_rules.check_xml(data)
    elif extension in OFFICE:
        text, capped = office_rules.check_office(data, extension, read=read)
    else:
        raise BadInput("document.type_unknown")
    return text, capped


def _judge_guard(request: InspectionRequest, text: str, n_pages: int, *, capped: bool) -> Inspection:
    """Judges the text that was read; where it shows the recipient, the rest of it would change nothing."""
    if not request.guard or shows_recipient(fold(text), request.recipient):
        return Inspection(n_pages=n_pages)
    if judge_text(text, request.recipient, request.today):
        return Inspection("document.other_cpr", {}, n_pages, hold=True, capped=capped)
    return Inspection(n_pages=n_pages, capped=capped)
