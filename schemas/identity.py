"""Judges CPR and CVR numbers and carries the good ones as values that never show their digits.

Relies on `schemas.errors` and on the dated list `schemas/data/cpr_no_mod11.toml`. Does not read the clock
(the caller passes `today`), does not guess P or SE numbers, and never refuses a CPR number on modulus 11
alone. Whole columns are judged by `schemas.identity_columns`, which must agree with this module. Source of
the rules: facts/identity.md 1.1–1.7.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import chain

from schemas.errors import BadInput

MAX_LENGTH = 40
"""A text longer than this is no number, whatever it holds; it is turned down before anything reads it."""

CPR_WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
CVR_WEIGHTS = (2, 7, 6, 5, 4, 3, 2, 1)
REPLACEMENT_DAYS = 60
PLACEHOLDER_DIGITS = "0000000000"

_HIDDEN = "\u2022"
_SPACES = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
# What spreadsheets and web pages leave behind unseen: soft hyphens, zero widths, direction and order marks.
_UNSEEN = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_FOLD = str.maketrans(dict.fromkeys(_SPACES, " ") | dict.fromkeys(_HYPHENS, "-") | dict.fromkeys(_UNSEEN, ""))
_CVR_SEPARATORS = str.maketrans("", "", " -.,/:")

_CPR_SHAPE = re.compile(r"([0-9]{1,2})[ ./-]?([0-9]{2})[ ./-]?([0-9]{2})(?: - |[ ./-])?([0-9]{4})")
_TEN_DIGITS = re.compile(r"[0-9]{10}")
_EIGHT_DIGITS = re.compile(r"[1-9][0-9]{7}")
_BETWEEN = rf"[\s_./{_HYPHENS}{_UNSEEN}-]{{0,3}}"
# A look-ahead, so that a match that starts earlier can't hide one that begins inside it.
_IN_TEXT = re.compile(rf"(?<!\d)(?=((\d{{1,2}}){_BETWEEN}(\d\d){_BETWEEN}(\d\d){_BETWEEN}(\d{{4}}))(?!\d))")


class Verdict(StrEnum):
    """What a text is when it is read as a CPR number (facts/identity.md 1.4)."""

    OK = "ok"
    OK_NO_MOD11 = "ok_no_mod11"
    HOLD_NO_MOD11 = "hold_no_mod11"
    REPLACEMENT = "replacement"
    FUTURE = "future"
    IMPLAUSIBLE_AGE = "implausible_age"
    BAD_DATE = "bad_date"
    BAD_FORMAT = "bad_format"
    PLACEHOLDER = "placeholder"
    LOST_ZERO = "lost_zero"

    @property
    def sendable(self) -> bool:
        """True when a document may go to this number without a person's word."""
        return self in SENDABLE

    @property
    def held(self) -> bool:
        """True when the row waits for a person; neither sendable nor held means refused."""
        return self in HELD

    @property
    def code(self) -> str:
        """The stable code for the error list, empty for a sendable number."""
        return "" if self.sendable else f"identity.{self.value}"


SENDABLE = frozenset({Verdict.OK, Verdict.OK_NO_MOD11})
HELD = frozenset({Verdict.HOLD_NO_MOD11, Verdict.LOST_ZERO})
REFUSED = frozenset(Verdict) - SENDABLE - HELD


@dataclass(frozen=True, slots=True, repr=False)
class Cpr:
    """A CPR number of ten digits with a real birth date.

    `Cpr.parse` is for texts from outside. `Cpr(digits)` is for digits that were judged before (a column, the
    ledger, a row that a person released): it looks at the shape and the birth date only and raises BadInput
    `identity.bad_format` or `identity.bad_date`.
    """

    digits: str

    def __post_init__(self) -> None:
        if not _TEN_DIGITS.fullmatch(self.digits):
            raise BadInput(Verdict.BAD_FORMAT.code)
        if birth_date(self.digits) is None:
            raise BadInput(Verdict.BAD_DATE.code)

    @classmethod
    def parse(cls, text: str, today: date) -> Cpr:
        """Returns the number a text stands for; raises BadInput with its code unless it is sendable."""
        if is_blank(text):
            raise BadInput("identity.empty")
        verdict = judge_cpr(text, today)
        if not verdict.sendable:
            raise BadInput(verdict.code)
        return cls(cpr_digits(text))

    @property
    def birth_date(self) -> date:
        """The date of birth, its century by facts/identity.md 1.2."""
        born = birth_date(self.digits)
        assert born is not None  # the constructor has seen to it
        return born

    @property
    def masked(self) -> str:
        """The form for people and reports: the birth date stays, the serial is hidden."""
        return _mask(self.digits[:6])

    def __repr__(self) -> str:
        return f"Cpr({_HIDDEN})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class Cvr:
    """A CVR number: eight digits that obey modulus 11, else BadInput `identity.bad_cvr`."""

    digits: str

    def __post_init__(self) -> None:
        if not _obeys_cvr(self.digits):
            raise BadInput("identity.bad_cvr")

    @classmethod
    def parse(cls, text: str) -> Cvr:
        """Returns the number a text stands for; raises BadInput `identity.empty` or `identity.bad_cvr`."""
        if is_blank(text):
            raise BadInput("identity.empty")
        return cls(cvr_digits(text))

    @property
    def masked(self) -> str:
        """The number itself: a company's number is public."""
        return self.digits

    def __repr__(self) -> str:
        return f"Cvr({_HIDDEN})"

    __str__ = __repr__


def tidy(text: str) -> str:
    """Returns a text without what can't be seen, its odd blanks and hyphens made plain, its ends stripped."""
    return (text if text.isascii() else text.translate(_FOLD)).replace("\t", " ").strip()


def is_blank(text: str) -> bool:
    """True when a text holds nothing that can be seen."""
    return len(text) <= MAX_LENGTH and not tidy(text)


def cpr_digits(text: str) -> str:
    """Returns the digits of a text in the shape of a CPR number: ten, or nine when a leading zero is lost.

    Between day, month, year and serial one blank, hyphen, dot or slash may stand (before the serial also
    ` - `); anything else gives an empty string. facts/identity.md 1.1 rows 1, 14, 15.
    """
    if len(text) > MAX_LENGTH:
        return ""
    shape = _CPR_SHAPE.fullmatch(tidy(text))
    return "".join(shape.groups()) if shape else ""


def cvr_digits(text: str) -> str:
    """Returns a text without ` -.,/:` and a leading `DK`; empty unless eight digits are left."""
    if len(text) > MAX_LENGTH:
        return ""
    bare = tidy(text).translate(_CVR_SEPARATORS).upper().removeprefix("DK")
    return bare if len(bare) == 8 and bare.isascii() and bare.isdigit() else ""


def judge_cpr(text: str, today: date) -> Verdict:
    """Returns what a text is as a CPR number on the day `today`; never raises (facts/identity.md 1.1–1.4)."""
    digits = cpr_digits(text)
    if len(digits) == 10:
        return _judge_digits(digits, today)
    if len(digits) == 9 and _judge_digits("0" + digits, today).sendable:
        return Verdict.LOST_ZERO
    return Verdict.BAD_FORMAT


def judge_cvr(text: str) -> bool:
    """True when a text is a CVR number (facts/identity.md 1.7); separators and a leading `DK` are allowed."""
    return _obeys_cvr(cvr_digits(text))


def plausible_cpr(digits10: str, today: date) -> bool:
    """True when ten digits could be the number of a living person: for reading numbers out of documents."""
    return bool(_TEN_DIGITS.fullmatch(digits10)) and _judge_digits(digits10, today).sendable


def birth_year(seventh: int, two_digits: int) -> int:
    """Returns the full year of birth from the seventh digit and the two digits of the year (table 1.2)."""
    if seventh <= 3:
        return 1900 + two_digits
    if seventh in (4, 9):
        return (2000 if two_digits <= 36 else 1900) + two_digits
    return (2000 if two_digits <= 57 else 1800) + two_digits


def birth_date(digits: str) -> date | None:
    """Returns the birth date in ten digits, or None without a real one (so for replacement numbers)."""
    if not _TEN_DIGITS.fullmatch(digits):
        return None
    return _date_of(digits, int(digits[:2]))


def mod11_ok(digits: str) -> bool:
    """True when ten digits obey modulus 11; real numbers may fail it (facts/identity.md 1.1 rows 4, 5)."""
    return bool(_TEN_DIGITS.fullmatch(digits)) and _weigh(digits, CPR_WEIGHTS) == 0


@cache
def exception_dates() -> frozenset[date]:
    """Returns the birth dates with published numbers that fail modulus 11 (facts/identity.md 1.3)."""
    text = (files("schemas") / "data" / "cpr_no_mod11.toml").read_text(encoding="utf-8")
    return frozenset(chain.from_iterable(one["births"] for one in tomllib.loads(text)["lists"]))


def mask_numbers(text: str) -> str:
    """Returns a text in which everything that looks like a CPR number reads `010165-••••`.

    For logs: file names and other systems' messages. Ten digits, also with separators, are masked unless
    they are part of a longer run of digits; so are nine digits that hold a birth date once the lost zero is
    put back. It masks rather too much (order numbers of ten digits) than too little.
    """
    out: list[str] = []
    end = 0
    for start, stop, shown in _number_spans(text):
        out += text[end:start], shown
        end = stop
    return "".join((*out, text[end:]))


def _number_spans(text: str) -> list[tuple[int, int, str]]:
    """Returns where numbers stand and what to show instead; overlapping ones become one, wholly hidden."""
    spans: list[tuple[int, int, str]] = []
    for found in _IN_TEXT.finditer(text):
        date_part = "".join(found.group(2, 3, 4))
        if len(date_part) == 5 and birth_date(f"0{date_part}{found[5]}") is None:
            continue
        (start, stop), shown = found.span(1), _mask(date_part)
        if spans and start < spans[-1][1]:
            first, last, _ = spans.pop()
            start, stop, shown = first, max(last, stop), _mask(_HIDDEN * 6)
        spans.append((start, stop, shown))
    return spans


def _mask(date_part: str) -> str:
    return f"{date_part}-{_HIDDEN * 4}"


def _judge_digits(digits: str, today: date) -> Verdict:
    """Judges exactly ten ASCII digits."""
    if digits == PLACEHOLDER_DIGITS:
        return Verdict.PLACEHOLDER
    day = int(digits[:2])
    replacement = day > REPLACEMENT_DAYS
    born = _date_of(digits, day - REPLACEMENT_DAYS if replacement else day)
    if born is None:
        return Verdict.BAD_DATE
    if replacement:
        return Verdict.REPLACEMENT
    if born.year < 1900:
        return Verdict.IMPLAUSIBLE_AGE
    if born > today:
        return Verdict.FUTURE
    return _judge_check_digit(digits, born)


def _judge_check_digit(digits: str, born: date) -> Verdict:
    if _weigh(digits, CPR_WEIGHTS) == 0:
        return Verdict.OK
    return Verdict.OK_NO_MOD11 if born in exception_dates() else Verdict.HOLD_NO_MOD11


def _date_of(digits: str, day: int) -> date | None:
    year = birth_year(int(digits[6]), int(digits[4:6]))
    try:
        return date(year, int(digits[2:4]), day)
    except ValueError:
        return None


def _obeys_cvr(digits: str) -> bool:
    return bool(_EIGHT_DIGITS.fullmatch(digits)) and _weigh(digits, CVR_WEIGHTS) == 0


def _weigh(digits: str, weights: tuple[int, ...]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11
