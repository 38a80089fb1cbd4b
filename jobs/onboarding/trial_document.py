"""Draws the document of a trial: one page or a few words that say what they are.

Relies on reportlab for the page. Carries nobody's number.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from schemas.errors import ConfigurationError

SENTENCE = "Prøve af Brevdue. Dette dokument er en test og skal ikke bruges til noget."


def trial_document(extensions: Sequence[str], mark: str) -> tuple[bytes, str]:
    """Returns a document a material takes, and its extension; `mark` makes it differ from every other.

    Raises ConfigurationError `onboarding.no_trial_document` when the material takes no pdf, txt or html.
    """
    if "pdf" in extensions:
        return _page(mark), "pdf"
    if "txt" in extensions:
        return f"{SENTENCE}\n{mark}\n".encode(), "txt"
    if "html" in extensions:
        page = f"<!doctype html><html><body><p>{SENTENCE}</p><p>{mark}</p></body></html>"
        return page.encode("iso-8859-1"), "html"
    raise ConfigurationError("onboarding.no_trial_document")


def _page(mark: str) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle("Prøve")
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawString(72, A4[1] - 110, "TEST")
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, A4[1] - 140, SENTENCE)
    canvas.drawString(72, A4[1] - 158, mark)
    canvas.showPage()
    canvas.save()
    return out.getvalue()
