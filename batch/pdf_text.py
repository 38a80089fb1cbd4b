"""Reads the text of a PDF by pdfium, page by page and never more than a set amount.

Relies on pypdfium2's raw functions (its objects cost more than the reading). Every handle is closed. To be
run in the child process only. Does not judge: see `batch.pdf_rules` and `batch.other_cpr`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2.raw as pdfium

from schemas.errors import BadInput

MAX_PAGES_READ = 2_000
MAX_CHARACTERS_READ = 4_000_000


class FiumDocument:
    """A PDF opened by pdfium; raises BadInput `document.encrypted` or `document.damaged` when it refuses."""

    def __init__(self, data: bytes) -> None:
        self._data = data  # pdfium reads from these very bytes until it is closed
        self._handle: Any = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
        if not self._handle:
            locked = pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
            raise BadInput("document.encrypted" if locked else "document.damaged")
        self.n_pages = int(pdfium.FPDF_GetPageCount(self._handle))
        self.capped = self.n_pages > MAX_PAGES_READ
        """True once `texts` has left something out."""

    def check_first_page(self) -> None:
        """Loads the first page; BadInput `document.damaged` when it can't be."""
        with self._page(0):
            pass

    def texts(self) -> Iterator[str]:
        """Yields the text of each page, up to MAX_PAGES_READ pages and MAX_CHARACTERS_READ characters."""
        left = MAX_CHARACTERS_READ
        for index in range(min(self.n_pages, MAX_PAGES_READ)):
            if left <= 0:
                self.capped = True
                return
            with self._page(index) as page:
                text, whole = _read_text(page, left)
            self.capped |= not whole
            left -= len(text)
            yield text

    def close(self) -> None:
        """Gives the memory back; no call after this."""
        if self._handle:
            pdfium.FPDF_CloseDocument(self._handle)
            self._handle = None

    @contextmanager
    def _page(self, index: int) -> Iterator[Any]:
        page = pdfium.FPDF_LoadPage(self._handle, index)
        if not page:
            raise BadInput("document.damaged")
        try:
            yield page
        finally:
            pdfium.FPDF_ClosePage(page)


def _read_text(page: Any, limit: int) -> tuple[str, bool]:
    """Returns at most `limit` characters of a page's text, and whether that is all of it.

    A page without a text layer gives "".
    """
    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        raise BadInput("document.damaged")
    try:
        n_there = max(pdfium.FPDFText_CountChars(text_page), 0)
        n_characters = min(n_there, limit)
        buffer = (ctypes.c_ushort * (n_characters + 1))()
        n_written = pdfium.FPDFText_GetText(text_page, 0, n_characters, buffer)
        text = bytes(buffer)[: 2 * max(n_written - 1, 0)].decode("utf-16-le", "replace")
        return text, n_characters == n_there
    finally:
        pdfium.FPDFText_ClosePage(text_page)
