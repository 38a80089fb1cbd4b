"""Makes large drops quickly: thousands of real, distinct PDFs of about 75 KB, each with its CPR in the text.

One PDF is made by reportlab without compression; every other one is that same file with the number and the
padding replaced by others of the same length, so that it stays a valid PDF.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

PLACE = "1111111111"
WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
N_BYTES = 75_000


def cprs(n: int, seed: int = 1) -> Iterator[str]:
    """Yields n distinct CPR numbers that pass every rule (births 1950-1999, so the seventh digit is 0-3)."""
    chance, seen = random.Random(seed), set[str]()
    while len(seen) < n:
        born = date(1950, 1, 2) + timedelta(days=chance.randrange(18_000))
        head = f"{born:%d%m%y}{chance.randrange(4000):04d}"[:9]
        rest = -sum(weight * int(digit) for weight, digit in zip(WEIGHTS, head, strict=False)) % 11
        number = f"{head}{rest}"
        if rest < 10 and number not in seen:
            seen.add(number)
            yield number


@cache
def _template(n_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Returns a PDF in three parts: head, padding (a comment in the page's own stream), tail."""
    bare = _draw(0)
    padding = b"x" * max(n_bytes - len(bare), 64)
    head, found, tail = _draw(len(padding)).partition(padding)
    assert found, "the padding stands in one piece"
    return head, padding, tail


def _draw(n_padding: int) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=0, invariant=1)
    canvas.drawString(72, 760, "Lønseddel november 2026")
    canvas.drawString(72, 740, f"CPR-nr. {_shown(PLACE)}")
    canvas.drawString(72, 720, "Nettoløn 24.310,50")
    canvas._code.append("%" + "x" * n_padding)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _shown(cpr: str) -> str:
    return f"{cpr[:6]}-{cpr[6:]}"


def payslip_bytes(cpr: str, n_bytes: int = N_BYTES) -> bytes:
    """Returns a distinct payslip for this number, of about `n_bytes`."""
    head, padding, tail = _template(n_bytes)
    filling = hashlib.sha256(cpr.encode()).hexdigest().encode() * (len(padding) // 64 + 1)
    return head.replace(_shown(PLACE).encode(), _shown(cpr).encode()) + filling[: len(padding)] + tail


@dataclass(frozen=True, slots=True)
class BigDrop:
    """A drop on disk and what it should become: recipient → SHA-256 of the document."""

    path: Path
    expected: dict[str, str] = field(repr=False)


def write_big_drop(inbox: Path, name: str, n: int, *, seed: int = 1, n_bytes: int = N_BYTES) -> BigDrop:
    """Writes a sealed drop of n rows; returns it with the documents' hashes by recipient."""
    folder = inbox / name
    folder.mkdir(parents=True)
    expected: dict[str, str] = {}
    lines = ["modtager;fil;reference"]
    for number, cpr in enumerate(cprs(n, seed), start=1):
        content = payslip_bytes(cpr, n_bytes)
        (folder / f"{number}.pdf").write_bytes(content)
        expected[cpr] = hashlib.sha256(content).hexdigest()
        lines.append(f"{cpr};{number}.pdf;{number}")
    lines.append(f"#ANTAL;{n}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (inbox / f"{name}.klar").touch()
    return BigDrop(folder, expected)
