"""Judges whether a file is a PDF that everybody can open and that does nothing but show its pages.

Relies on two independent readers, pikepdf (qpdf) and pdfium, which must agree (issue 2, item 4): qpdf alone
opens half a file by guessing, pdfium alone passes over broken objects. To be run in the child process only:
both readers are native code and documents come from outside. Does not look at the text's meaning.
"""

from __future__ import annotations

import re
from io import BytesIO

from pikepdf import Array, DataDecodingError, PasswordError, Pdf, PdfError, Stream

from batch.active_content import find_active_content
from batch.media_types import FOREIGN_STARTS
from batch.pdf_text import FiumDocument
from batch.pdf_values import PdfValues, read_values
from schemas.errors import BadInput

HEADER_WITHIN_BYTES = 1024
MAX_PAGES = 20_000

# What qpdf says when it had to guess at the contents; its remarks about form alone are let pass.
_MATTERS = re.compile(
    r"damaged|reconstruct|EOF|parse error|treating|invalid|error decoding|loop|unable|not found|out of range"
)
_OUT_OF_MEMORY = "bad_alloc"  # how qpdf tells it when it happens while it unpacks
_ZIP_END = b"PK\x05\x06"


def open_pdf(data: bytes, *, read: bool) -> tuple[FiumDocument, PdfValues]:
    """Returns a PDF opened by pdfium, to be closed by the caller, and what it says beside its pages when
    that is to be read.

    Raises BadInput: `document.type_mismatch` (no PDF, or also something else), `document.encrypted`,
    `document.damaged`, `document.active_content`.
    """
    _check_envelope(data)
    n_pages, values = _check_with_qpdf(data, read)
    document = FiumDocument(data)
    if document.n_pages != n_pages:
        document.close()
        raise BadInput("document.damaged")
    return document, values


def _check_envelope(data: bytes) -> None:
    """Sees to it that the file is a PDF from start to end and no other kind of file at the same time."""
    start = data.find(b"%PDF-", 0, HEADER_WITHIN_BYTES + 5)
    if start < 0 or (start > 0 and data.lstrip(b"\xef\xbb\xbf \t\r\n\x00").startswith(FOREIGN_STARTS)):
        raise BadInput("document.type_mismatch")
    end = data.rfind(b"%%EOF")
    if end >= 0 and data.find(_ZIP_END, end) >= 0:
        raise BadInput("document.type_mismatch")


def _check_with_qpdf(data: bytes, read: bool) -> tuple[int, PdfValues]:
    """Returns the number of pages and the values beside them, after qpdf has read every object without
    repairing anything."""
    try:
        with Pdf.open(BytesIO(data), attempt_recovery=False, suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                raise BadInput("document.encrypted")
            n_pages = len(pdf.pages)
            if not 1 <= n_pages <= MAX_PAGES:
                raise BadInput("document.damaged")
            if kind := find_active_content(pdf):
                raise BadInput("document.active_content", kind=kind)
            _decode_contents(pdf)
            warnings = "\n".join(map(str, pdf.get_warnings()))
            if _OUT_OF_MEMORY in warnings:
                raise MemoryError
            if _MATTERS.search(warnings):
                raise BadInput("document.damaged")
            # After the warnings: a title that is damaged is no reason to turn the pages down.
            return n_pages, read_values(pdf) if read else PdfValues()
    except PasswordError:
        raise BadInput("document.encrypted") from None
    # qpdf reports broken objects in several ways, by what the code was looking for.
    except (
        PdfError,
        DataDecodingError,
        ValueError,
        TypeError,
        RuntimeError,
        KeyError,
        AttributeError,
    ) as error:
        if _OUT_OF_MEMORY in str(error):
            raise MemoryError from None
        raise BadInput("document.damaged") from None


def _decode_contents(pdf: Pdf) -> None:
    """Unpacks what draws the pages: a broken stream shows as a blank page and no reader says a word."""
    for page in pdf.pages:
        contents = page.obj.get("/Contents")
        for part in contents if isinstance(contents, Array) else (contents,):
            if isinstance(part, Stream):
                part.read_bytes()
