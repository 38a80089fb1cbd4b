"""Draws payslips that look like payslips: real PDFs with Danish text, one page each.

Relies on reportlab. The text can be read out again, so that the guard against the wrong document to the wrong
person has something to look at. Computes plausible deductions and no tax law.
"""

from __future__ import annotations

import io

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from jobs.demo.people import COMPANY, COMPANY_ADDRESS, COMPANY_CVR, PAID_ON, PERIOD, Employee

_INK, _QUIET, _LINE, _BAND = (HexColor(tone) for tone in ("#1b2733", "#5d6b78", "#c9d2da", "#eef3f6"))
_LEFT, _RIGHT = 56, A4[0] - 56


def money(amount: int) -> str:
    """Returns øre as Danes write kroner: `24.310,50`."""
    kroner, cents = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{kroner:,}".replace(",", ".") + f",{cents:02d}"


def pay_lines(employee: Employee) -> list[tuple[str, int]]:
    """Returns the lines of a payslip, earnings positive and deductions negative; their sum is the net pay."""
    gross = employee.monthly_pay
    pension = -gross * 4 // 100
    atp = -9900
    labour = -(gross + pension + atp) * 8 // 100
    taxable = max(gross + pension + atp + labour - 5_400_00, 0)
    return [
        ("Månedsløn", gross),
        ("Eget pensionsbidrag 4 %", pension),
        ("ATP-bidrag", atp),
        ("AM-bidrag 8 %", labour),
        ("A-skat 38 %", -taxable * 38 // 100),
    ]


def payslip(employee: Employee) -> bytes:
    """Returns the payslip of one employee as a PDF."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle("Lønseddel")
    _head(canvas, employee)
    y = _lines(canvas, pay_lines(employee))
    _foot(canvas, employee, y)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _text(canvas: Canvas, x: float, y: float, text: str, size: float = 10, *, bold: bool = False) -> None:
    canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
    canvas.drawString(x, y, text)


def _head(canvas: Canvas, employee: Employee) -> None:
    canvas.setFillColor(_BAND)
    canvas.rect(0, A4[1] - 96, A4[0], 96, stroke=0, fill=1)
    canvas.setFillColor(_INK)
    _text(canvas, _LEFT, A4[1] - 48, COMPANY, 16, bold=True)
    _text(canvas, _LEFT, A4[1] - 66, f"{COMPANY_ADDRESS} · CVR-nr. {COMPANY_CVR}")
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawRightString(_RIGHT, A4[1] - 48, "Lønseddel")
    canvas.setFont("Helvetica", 10)
    canvas.drawRightString(_RIGHT, A4[1] - 66, PERIOD)
    rows = (
        (employee.name, f"Medarbejdernr. {employee.number}"),
        (f"CPR-nr. {employee.cpr[:6]}-{employee.cpr[6:]}", f"Disposition {PAID_ON:%d-%m-%Y}"),
        (employee.title, "Lønperiode 01-11-2026 til 30-11-2026"),
    )
    for number, (left, right) in enumerate(rows):
        y = A4[1] - 132 - 18 * number
        _text(canvas, _LEFT, y, left, 11, bold=number == 0)
        canvas.setFont("Helvetica", 10)
        canvas.drawRightString(_RIGHT, y, right)


def _lines(canvas: Canvas, lines: list[tuple[str, int]]) -> float:
    y = float(A4[1]) - 220.0
    canvas.setStrokeColor(_LINE)
    for text, amount in lines:
        _text(canvas, _LEFT, y, text)
        canvas.drawRightString(_RIGHT, y, money(amount))
        canvas.line(_LEFT, y - 7, _RIGHT, y - 7)
        y -= 24
    _text(canvas, _LEFT, y - 6, "Nettoløn til udbetaling", 12, bold=True)
    canvas.drawRightString(_RIGHT, y - 6, money(sum(amount for _, amount in lines)))
    return y - 48


def _foot(canvas: Canvas, employee: Employee, y: float) -> None:
    canvas.setFillColor(_QUIET)
    account = f"Indsat på konto: reg.nr. {employee.registration} kontonr. {employee.account}"
    days = f"{employee.holiday_days:.1f}".replace(".", ",")
    for number, text in enumerate(
        (account, f"Feriedage til gode: {days}", "SIMULERET: opdigtet person og løn")
    ):
        _text(canvas, _LEFT, y - 16 * number, text, 9)
