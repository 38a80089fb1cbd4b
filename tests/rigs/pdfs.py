"""Makes real PDF files for tests: good payslips, and files that are broken or wicked in one known way each.

Relies on reportlab and pikepdf. Everything is computed; no file is kept.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

EMPLOYER_CVR = "13748136"


def payslip_lines(cpr_digits: str, name: str) -> list[str]:
    """Returns what stands on a payslip of the usual kind, the employee's number with its label included."""
    number = f"{cpr_digits[:6]}-{cpr_digits[6:]}" if len(cpr_digits) == 10 else cpr_digits
    return [
        f"Havnens Værft A/S   CVR-nr. {EMPLOYER_CVR}   Tlf. +45 33 44 55 66",
        "Lønseddel for november 2026",
        name,
        f"CPR-nr. {number}   Medarbejdernr. 4711",
        "Månedsløn 37,00 timer 31.250,00",
        "ATP-bidrag 99,00   AM-bidrag 2.492,00   A-skat 8.731,00",
        "Overføres til NemKonto reg.nr. 1234 konto 0101653999",
        "P-nr. 1003456789   Dispositionsdato 30-11-2026",
    ]


def text_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """Returns a PDF with these lines on these pages."""
    made = BytesIO()
    canvas = Canvas(made, invariant=1)
    for lines in pages:
        for n, line in enumerate(lines):
            canvas.drawString(50, 790 - 14 * n, line)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def payslip_pdf(cpr_digits: str, name: str, n_bytes: int = 75_000) -> bytes:
    """Returns a payslip of about `n_bytes`, filled up with a logo that can't be compressed."""
    plain = text_pdf([payslip_lines(cpr_digits, name)])
    missing = n_bytes - len(plain) - 400
    return with_changes(plain, lambda pdf: _add_noise(pdf, missing)) if missing > 0 else plain


def with_changes(plain: bytes, change: Callable[[Pdf], object], **save: Any) -> bytes:
    """Returns a PDF after `change` was done to it."""
    made = BytesIO()
    with Pdf.open(BytesIO(plain)) as pdf:
        change(pdf)
        pdf.save(made, static_id=True, **save)
    return made.getvalue()


def _add_noise(pdf: Pdf, n_bytes: int) -> None:
    height = max(n_bytes // 300, 1)
    logo = pdf.make_stream(
        os.urandom(height * 300),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=100,
        Height=height,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
    )
    resources = pdf.pages[0].obj.Resources
    resources.XObject = Dictionary(Logo=logo)


@cache
def plain_pdf() -> bytes:
    """Returns a small good PDF that names nobody."""
    return text_pdf([["Kære medarbejder", "Lønnen er reguleret pr. 1. december 2026."]])


def encrypted_pdf(user_password: str = "") -> bytes:
    """Returns an encrypted PDF; with the empty password every reader opens it unasked."""
    locked = pikepdf.Encryption(owner="ejer", user=user_password)
    made = BytesIO()
    with Pdf.open(BytesIO(plain_pdf())) as pdf:
        pdf.save(made, encryption=locked)
    return made.getvalue()


def half_pdf() -> bytes:
    """Returns the first half of a good file."""
    whole = payslip_pdf("1408683994", "Test Testesen", 20_000)
    return whole[: len(whole) // 2]


def truncated_pdf() -> bytes:
    """Returns a file that lacks its last lines, which pikepdf mends in silence."""
    return plain_pdf()[:-30]


def _with_root(**entries: Any) -> bytes:
    def change(pdf: Pdf) -> None:
        for key, value in entries.items():
            pdf.Root[f"/{key}"] = pdf.make_indirect(value) if isinstance(value, Dictionary) else value

    return with_changes(plain_pdf(), change)


def _action(kind: str, **more: Any) -> Dictionary:
    return Dictionary(Type=Name.Action, S=Name(f"/{kind}"), **more)


def open_action_pdf(kind: str = "JavaScript", **more: Any) -> bytes:
    """Returns a PDF that does something when it is opened."""
    return _with_root(OpenAction=_action(kind, **more))


def javascript_pdf() -> bytes:
    """Returns a PDF with a script that runs on opening."""
    return open_action_pdf(JS=String("app.alert(1)"))


def script_in_names_pdf() -> bytes:
    """Returns a PDF whose name tree carries a script."""
    script = Dictionary(Names=Array([String("a"), _action("JavaScript", JS=String("app.alert(1)"))]))
    return _with_root(Names=Dictionary(JavaScript=script))


def script_behind_page_pdf() -> bytes:
    """Returns a PDF that goes to a page on opening, and after that runs a script."""
    then = _action("JavaScript", JS=String("app.alert(1)"))
    return open_action_pdf("GoTo", D=String("first"), Next=Array([_action("GoTo", D=String("x"), Next=then)]))


def annotation_pdf(**annotation: Any) -> bytes:
    """Returns a PDF with one annotation on its page."""

    def change(pdf: Pdf) -> None:
        entry = Dictionary(Type=Name.Annot, Rect=Array([0, 0, 9, 9]))
        for key, value in annotation.items():
            entry[f"/{key}"] = value
        pdf.pages[0].obj.Annots = Array([pdf.make_indirect(entry)])

    return with_changes(plain_pdf(), change)


def launch_pdf() -> bytes:
    """Returns a PDF with a link that starts a program."""
    return annotation_pdf(Subtype=Name.Link, A=_action("Launch", F=String("cmd.exe")))


def link_pdf(address: str = "https://www.example.dk/") -> bytes:
    """Returns a PDF with an ordinary link."""
    return annotation_pdf(Subtype=Name.Link, A=_action("URI", URI=String(address)))


def go_to_page_pdf() -> bytes:
    """Returns a PDF that opens at its first page, as many programs write them."""

    def change(pdf: Pdf) -> None:
        pdf.Root.OpenAction = _action("GoTo", D=Array([pdf.pages[0].obj, Name.Fit]))

    return with_changes(plain_pdf(), change)


def page_event_pdf() -> bytes:
    """Returns a PDF whose page sends data away when it is closed."""

    def change(pdf: Pdf) -> None:
        pdf.pages[0].obj.AA = Dictionary(C=_action("SubmitForm", F=String("https://www.example.dk/")))

    return with_changes(plain_pdf(), change)


def embedded_file_pdf() -> bytes:
    """Returns a PDF that carries a file."""

    def change(pdf: Pdf) -> None:
        pdf.attachments["note.txt"] = pikepdf.AttachedFileSpec(pdf, b"hello", filename="note.txt")

    return with_changes(plain_pdf(), change)


def xfa_pdf() -> bytes:
    """Returns a PDF with an XFA form."""
    return with_changes(
        plain_pdf(),
        lambda pdf: setattr(
            pdf.Root,
            "AcroForm",
            Dictionary(
                Fields=Array([]), XFA=pdf.make_stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
            ),
        ),
    )


def hidden_in_object_stream(plain: bytes) -> bytes:
    """Returns the same PDF with its objects packed, so that no word of them shows in the file's bytes."""
    return with_changes(plain, lambda pdf: None, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def image_only_pdf() -> bytes:
    """Returns a scanned page: a picture and no text."""
    from PIL import Image

    made = BytesIO()
    canvas = Canvas(made, invariant=1)
    canvas.drawImage(ImageReader(Image.new("L", (200, 280), 240)), 0, 0, 595, 842)
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def many_pages_pdf(n_pages: int, last_line: str = "") -> bytes:
    """Returns a long PDF, with one line more on its last page."""
    return text_pdf([*([["Side"]] * (n_pages - 1)), ["Side", last_line]])


def cyclic_pages_pdf() -> bytes:
    """Returns a PDF whose page tree leads back to its own root."""

    def change(pdf: Pdf) -> None:
        pdf.Root.Pages.Kids.append(pdf.Root.Pages)
        pdf.Root.Pages.Count = 2

    return _changed_without_checks(change)


def _changed_without_checks(change: Callable[[Pdf], object]) -> bytes:
    made = BytesIO()
    with Pdf.open(BytesIO(plain_pdf())) as pdf:
        change(pdf)
        pdf.save(made, static_id=True, normalize_content=False)
    return made.getvalue()


def cyclic_actions_pdf() -> bytes:
    """Returns a PDF whose opening action is followed by itself, for ever."""

    def change(pdf: Pdf) -> None:
        action = pdf.make_indirect(_action("GoTo", D=String("first")))
        action.Next = action
        pdf.Root.OpenAction = action

    return with_changes(plain_pdf(), change)


def deeply_nested_pdf(depth: int = 400) -> bytes:
    """Returns a PDF with arrays in arrays in arrays."""
    nested = b"[" * depth + b"]" * depth
    return raw_pdf(b"BT ET", extra=b"/Deep " + nested)


def endless_pdf() -> bytes:
    """Returns a small PDF whose page takes minutes: forms that draw forms ten times, five levels deep."""
    levels, leaf = 5, b"q Q " * 50_000
    bodies = [b"/F Do " * 10] * (levels - 1) + [leaf]
    forms = []
    for n, body in enumerate(bodies):
        deeper = b"/XObject << /F %d 0 R >>" % (6 + n) if n < levels - 1 else b""
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << %s >> /Length %d" % (
            deeper,
            len(body),
        )
        forms.append(b"<< %s >>\nstream\n%s\nendstream" % (head, body))
    return raw_pdf(b"/F Do", resources=b"/XObject << /F 5 0 R >>", more=forms)


def bomb_pdf(n_megabytes: int = 300) -> bytes:
    """Returns a small PDF whose page unpacks to very much."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 1_000_000) for _ in range(n_megabytes)) + packer.flush()
    return raw_pdf(packed, stream_entries=b"/Filter /FlateDecode")


def blank_by_damage_pdf() -> bytes:
    """Returns a PDF whose page can't be unpacked: some readers show an empty page."""
    packed = bytearray(zlib.compress(b"BT /F1 12 Tf (hej) Tj ET " * 100))
    packed[2:40] = b"\xff" * 38
    return raw_pdf(bytes(packed), stream_entries=b"/Filter /FlateDecode")


def polyglot_pdf() -> bytes:
    """Returns a file that is a web page and a PDF at the same time."""
    return b"<html><script>alert(1)</script></html>\n" + plain_pdf()


def raw_pdf(
    contents: bytes,
    stream_entries: bytes = b"",
    extra: bytes = b"",
    resources: bytes = b"",
    more: Sequence[bytes] = (),
) -> bytes:
    """Returns a one-page PDF written by hand, with a right cross-reference table."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % extra,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents 4 0 R >>"
        % resources,
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(contents), stream_entries, contents),
        *more,
    ]
    made, places = bytearray(b"%PDF-1.7\n"), []
    for number, one in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(made)
