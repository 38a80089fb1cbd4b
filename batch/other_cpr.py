"""Judges whether a document's text speaks of other people than its recipient.

The guard against the right letter to the wrong person (issue 2, item 4): a text that shows plausible CPR
numbers, whole or masked after the date, and not the recipient's own, is to be held for a person. Relies on
`schemas.identity`. Does not read documents (`batch.pdf_text`), does not look at names, and lets account
numbers, P numbers, telephone numbers and CVR numbers pass by the labels and digits around them.

Ten digits are weighed by their nearest label, on the same line or in the line above. After `CPR` a number
counts whenever its date is possible. After `konto`, `P-nr.` and the like it doesn't count. Without a label it
counts when it is plausible (facts/identity.md 1.1–1.4) and no registration number stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from enum import Enum

from schemas.identity import Verdict, birth_date, judge_cpr, judge_cvr, plausible_cpr, tidy

LABEL_REACH = 60
"""How many characters before a number its label is looked for."""

_MASKS = "xX*#\u2022\u25cf\u2219\u00b7"
# What PDF readers put where a word was broken over a line end, and the line ends themselves.
_FOLD = str.maketrans({"\ufffe": "-", "\x02": "-", "\r": "\n", "\f": "\n", "\v": "\n", "\u2028": "\n"})

_MONTH = r"(?:0[1-9]|1[0-2])"
_DATE = rf"[0-9]{{2}}{_MONTH}[0-9]{{2}}"
_SPACED_DATE = rf"[0-9]{{2}}(?P<gap>[ ./-]){_MONTH}(?P=gap)[0-9]{{2}}"
_WHOLE = re.compile(
    rf"(?<![0-9+])(?=(?P<number>(?:{_DATE}(?P<between>| ?- ?|[ ./]|(?P<broken> ?-? ?\n *-? ?))"
    rf"|{_SPACED_DATE} ?- ?)[0-9]{{4}})(?![0-9]))"
)
_FOUR_MASKED = rf"(?:[{_MASKS}]{{4}}|[{_MASKS}]{{3}}[0-9]|[{_MASKS}]{{2}}[0-9]{{2}})(?![{_MASKS}0-9])"
# Dots, dashes and underscores also rule lines, so they count only after a hyphen and only a few of them.
_RULED = r"(?:_{2,10}|\u2026|\.{3,4}|-{3,5})(?![-_.\u20260-9])"
_MASKED = re.compile(
    rf"(?<![0-9])(?=(?P<number>(?:{_DATE}|{_SPACED_DATE})"
    rf"(?:(?: ?-{{1,2}} ?| )?{_FOUR_MASKED}| ?- ?{_RULED})))"
)
_LABEL = re.compile(
    r"(?<![a-zæøå])(?P<cpr>c\.?p\.?r\.?(?![a-zæøå])(?:[ .-]{0,2}(?:nummer|nr|no))?"
    r"|cpr(?:nr|nummer)|pers(?:on)?[ .-]{0,2}(?:nummer|nr)|fødsels?[ .-]{0,2}(?:nummer|nr))"
    r"|[a-zæøå]*konto(?!r(?!t))[a-zæøå]*|(?<![a-zæøå])konti\b|[a-zæøå]*bank[a-zæøå]*|[a-zæøå]*telefon[a-zæøå]*"
    r"|[a-zæøå]*mobil[a-zæøå]*|[a-zæøå]*faktura[a-zæøå]*|[a-zæøå]*produktionsenhed[a-zæøå]*"
    r"|(?<![a-zæøå])(?:reg(?:istrerings)?\.?[ -]?(?:nr|nummer|no)?|p[ .-]{0,2}(?:nr|nummer|no)"
    r"|(?:cvr|se)(?:[ ./-]{0,2}(?:nr|nummer))?|iban|bban|swift|ean|gln|tlf|phone|account|invoice|ordre"
    r"|betalings-?id|kreditor)(?![a-zæøå])",
    re.IGNORECASE,
)
_FILLED = re.compile(r"[0-9][0-9 .]{4,}[0-9]")
_ADJACENT = re.compile(
    r"[^0-9a-zæøå]*(?:(?:nr|nummer|no)[^0-9a-zæøå]+)?(?:[0-9]{4}[^0-9a-zæøå]+)?", re.IGNORECASE
)
_REGISTRATION = re.compile(r"(?<![0-9])[0-9]{4} ?[-/ ] ?$")
_CVR_BEFORE = re.compile(r"([1-9][0-9]{7}) ?[-/ ] ?$")
_AMOUNT_BEFORE = re.compile(r"[0-9][.,]$")
_AMOUNT_AFTER = re.compile(r"[.,][0-9]")
_TOWN_AFTER = re.compile(r" ?[A-ZÆØÅ][a-zæøå]")
_NOT_DIGIT = re.compile(r"[^0-9]")

_POSSIBLE = frozenset({Verdict.OK, Verdict.OK_NO_MOD11, Verdict.HOLD_NO_MOD11, Verdict.REPLACEMENT})


class _Label(Enum):
    """What the words around say that a number is."""

    CPR = 1
    OTHER = 2
    OTHER_FAR = 3  # such a label stands in the line, with words between
    NONE = 4


def judge_text(text: str, recipient_digits: str, today: date) -> bool:
    """Returns True when the row must be held: other people's numbers are shown and the recipient's is not.

    `recipient_digits` are the ten digits of a CPR or the eight of a CVR number. A number masked after the
    date stands for everybody with that date. Pure; never raises.
    """
    plain = fold(text)
    if shows_recipient(plain, recipient_digits):
        return False
    return any(True for _ in _other_numbers(plain, today))


def fold(text: str) -> str:
    """Returns a text with one kind of blank, hyphen and line end, and nothing unseen in it."""
    return tidy(text.replace("\r\n", "\n").translate(_FOLD))


def shows_recipient(text: str, recipient_digits: str) -> bool:
    """True when a folded text shows the recipient's own number: whole, however it is spaced, or masked."""
    spaced = r"[\s./-]{0,3}".join(recipient_digits)
    if re.search(rf"(?<![0-9]){spaced}(?![0-9])", text):
        return True
    if len(recipient_digits) != 10:
        return False
    return any(born == recipient_digits[:6] for born in _masked_dates(text))


def _other_numbers(text: str, today: date) -> Iterator[str]:
    """Yields the plausible numbers of a text, whole ones first."""
    for found in _WHOLE.finditer(text):
        digits = _NOT_DIGIT.sub("", found["number"])
        if _counts(text, found, digits, today):
            yield digits
    yield from _masked_dates(text)


def _masked_dates(text: str) -> Iterator[str]:
    """Yields the six digits of every possible date that is followed by a masked serial."""
    for found in _MASKED.finditer(text):
        digits = _NOT_DIGIT.sub("", found["number"][:8])[:6]
        before = _line_before(text, found.start())
        if not _is_date(digits) or (before.endswith(("-", "/")) and before[-2:-1].isdigit()):
            continue
        if _label(text, found.start(), before) is not _Label.OTHER:
            yield digits


def _counts(text: str, found: re.Match[str], digits: str, today: date) -> bool:
    """True when ten digits at this place stand for a person."""
    start, end = found.start(), found.end("number")
    before = _line_before(text, start)
    if birth_date(digits) is None and int(digits[:2]) <= 60:  # most digits that aren't a CPR number end here
        return False
    if _AMOUNT_BEFORE.search(before) or _AMOUNT_AFTER.match(text, end):
        return False
    if found["broken"] and "-" not in found["broken"] and _TOWN_AFTER.match(text, end):
        return False  # a date at a line's end, a postal code on the next
    label = _label(text, start, before)
    if label is _Label.CPR:
        return judge_cpr(digits, today) in _POSSIBLE
    if label is _Label.OTHER or (found["between"] == "" and _is_account(label, before)):
        return False
    return plausible_cpr(digits, today)


def _is_account(label: _Label, before: str) -> bool:
    """True when ten digits in one go belong to a bank account or to a place of business."""
    company = _CVR_BEFORE.search(before)
    return (
        label is _Label.OTHER_FAR
        or bool(_REGISTRATION.search(before))
        or (company is not None and judge_cvr(company[1]))
    )


def _label(text: str, start: int, before: str) -> _Label:
    """Returns what the nearest label says, on the same line or, where that has none, in the line above."""
    label = _last_label(before)
    if label is None:
        return _label_above(text, start - len(before), before)
    gap = before[label.end() :]
    if label["cpr"]:
        return _Label.NONE if _FILLED.search(gap) else _Label.CPR
    if _ADJACENT.fullmatch(gap):
        return _Label.OTHER
    return _Label.NONE if _FILLED.search(gap) else _Label.OTHER_FAR


def _label_above(text: str, line_start: int, before: str) -> _Label:
    """Returns what a line of headings above says; a line that holds numbers itself is no such line."""
    above = _line_before(text, line_start - 1) if text[line_start - 1 : line_start] == "\n" else ""
    if not above.strip() or any(character.isdigit() for character in above):
        return _Label.NONE
    kinds = {bool(label["cpr"]) for label in _LABEL.finditer(above)}
    if kinds == {True}:
        return _Label.CPR
    if kinds == {False}:
        last = _last_label(above)
        ends = last is not None and _ADJACENT.fullmatch(above[last.end() :]) is not None
        return _Label.OTHER if ends and not before.strip() else _Label.OTHER_FAR
    return _Label.NONE


def _last_label(line: str) -> re.Match[str] | None:
    labels = list(_LABEL.finditer(line))
    return labels[-1] if labels else None


def _line_before(text: str, end: int) -> str:
    """Returns the part of the line that stands before a place, at most LABEL_REACH characters of it."""
    reach = max(end - LABEL_REACH, 0)
    return text[max(text.rfind("\n", reach, end) + 1, reach) : end]


def _is_date(six_digits: str) -> bool:
    """True when DDMMYY is a date in any century; 2000 was a leap year and 1900 was not."""
    return any(birth_date(f"{six_digits}{seventh}000") is not None for seventh in "04589")
