"""Judges whole columns of CPR and CVR numbers at once, with the same answers as `schemas.identity`.

Relies on numpy and on `schemas.identity`, which states the rules and judges every value of an unusual shape;
only the plain shapes (digits alone, or one separator before the serial) are judged as arrays of digits. Does
not read the clock and reports nothing by itself: the caller makes rejections of the codes. numpy is heavy, so
import this module where columns are read and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from schemas.identity import (
    CPR_WEIGHTS,
    CVR_WEIGHTS,
    MAX_LENGTH,
    REPLACEMENT_DAYS,
    Verdict,
    birth_year,
    cpr_digits,
    cvr_digits,
    exception_dates,
    is_blank,
    judge_cvr,
    tidy,
)

Texts: TypeAlias = "Sequence[str] | npt.NDArray[np.str_] | npt.NDArray[np.object_]"
Codes: TypeAlias = npt.NDArray[np.uint8]
Digits: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp]

VERDICTS = tuple(Verdict)
"""Verdict of each code that `judge_cprs` returns."""

CODE_OF = {verdict: code for code, verdict in enumerate(VERDICTS)}

_BLOCK = 32_768  # rows judged together: the arrays of one block stay in the processor's cache
_CODE_TEXTS = np.array([verdict.code for verdict in VERDICTS], dtype=np.object_)
_SENDABLE = np.array([verdict.sendable for verdict in VERDICTS])
_HELD = np.array([verdict.held for verdict in VERDICTS])
_KINDS = {"": "", "cpr": "cpr", "cvr": "cvr"}

# Ways to write a company's number that can't be a CPR number cut short (six digits, separator, two digits).
_PLAINLY_CVR = re.compile(r"DK.*|[0-9]{8}|[0-9]{2}(?:([ .-])[0-9]{2})(?:\1[0-9]{2}){2}|[0-9]{4}[ .-][0-9]{4}")
_LOOSE = str.maketrans("", "", " -.,/:")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Judged:
    """What a column of recipients turned out to be; all arrays have one entry per row.

    `kinds` is `cpr`, `cvr` or empty where nobody can tell. `numbers` holds the ten or eight digits of every
    row that may be sent or is held for its modulus 11, and is empty for the rest: a refused number can't be
    used by oversight. `codes` is empty for a row that may be sent. `held` marks the rows that wait for a
    person; a row with a code that is not held is refused. `repaired` holds the ten digits that a row with
    `identity.lost_zero` may be sent to once somebody agrees.
    """

    kinds: npt.NDArray[np.str_]
    numbers: npt.NDArray[np.str_]
    codes: npt.NDArray[np.object_]
    held: Mask
    repaired: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"Judged(n_rows={len(self)})"


def judge_cprs(values: Texts, today: date) -> Codes:
    """Returns the code (index in VERDICTS) of each value as a CPR number on the day `today`; never raises."""
    digits, n_digits = _read_cprs(_as_list(values))
    return _judge_shaped(digits, n_digits, today)


def judge_cvrs(values: Texts) -> Mask:
    """Returns True for each value that is a CVR number (facts/identity.md 1.7); never raises."""
    texts = _as_list(values)
    lengths = _lengths(texts)
    result = np.zeros(len(texts), dtype=np.bool_)
    plain, digits = _plain_rows(texts, np.flatnonzero(lengths == 8), 8)
    result[plain] = (digits[:, 0] > 0) & (_remainders(digits, CVR_WEIGHTS) == 0)
    for row in _other_rows(lengths, plain, shortest=8):
        result[row] = judge_cvr(texts[row])
    return result


def judge_recipients(
    numbers: Texts, types: Texts, today: date, default: Literal["", "cpr", "cvr"] = ""
) -> Judged:
    """Returns what each row's number is, given the type its row states: empty, `cpr` or `cvr` in any case.

    A stated type is obeyed; `default` is the type of the rows that state none. Without either, ten digits are
    judged as CPR (no real date: `identity.ambiguous`, it may be a P-number, and those are never guessed),
    nine as a CPR with a lost zero, eight as CVR. Never raises for what a row holds, but ValueError when the
    columns differ in length. facts/identity.md 1.1, 1.7.
    """
    texts, kinds = _as_list(numbers), _stated_kinds(_as_list(types), default)
    if len(texts) != len(kinds):
        raise ValueError("numbers and types differ in length")
    digits, n_digits = _read_cprs(texts)
    verdicts = _judge_shaped(digits, n_digits, today)
    judged = _judged_as_cpr(digits, verdicts)
    _judge_the_rest(judged, texts, kinds, _not_simply_cpr(kinds, n_digits, verdicts))
    return judged


def _judged_as_cpr(digits: Digits, verdicts: Codes) -> Judged:
    written = np.where(digits > 9, 0, digits) + np.uint8(ord("0"))
    numbers = written.view("S10").ravel().astype("U10") if len(digits) else np.empty(0, dtype="U10")
    usable = _SENDABLE[verdicts] | (verdicts == CODE_OF[Verdict.HOLD_NO_MOD11])
    return Judged(
        kinds=np.full(len(digits), "cpr", dtype="U3"),
        numbers=np.where(usable, numbers, ""),
        codes=_CODE_TEXTS[verdicts],
        held=_HELD[verdicts],
        repaired=np.where(verdicts == CODE_OF[Verdict.LOST_ZERO], numbers, ""),
    )


def _stated_kinds(types: list[str], default: str) -> list[str]:
    """Returns the kind each row states or the default: empty, `cpr`, `cvr`, or `?` for another word."""
    kind_of = {text: _KINDS.get(tidy(text).lower(), "?") or default for text in set(types)}
    return [kind_of[text] for text in types]


def _not_simply_cpr(kinds: list[str], n_digits: Codes, verdicts: Codes) -> Rows:
    """Returns the rows whose answer the CPR verdict alone does not give."""
    untyped = np.fromiter((kind == "" for kind in kinds), dtype=np.bool_, count=len(kinds))
    as_cpr = np.fromiter((kind == "cpr" for kind in kinds), dtype=np.bool_, count=len(kinds))
    dated = verdicts != CODE_OF[Verdict.BAD_DATE]
    return np.flatnonzero((n_digits == 0) | ~(as_cpr | (untyped & dated)))


def _judge_the_rest(judged: Judged, texts: list[str], kinds: list[str], rows: Rows) -> None:
    """Writes the answers of the rows that are no plain CPR rows: companies, blanks and what is wrong."""
    chosen = [texts[row] for row in rows.tolist()]
    judged.held[rows], judged.repaired[rows] = False, ""
    for row, text, company in zip(rows.tolist(), chosen, judge_cvrs(chosen).tolist(), strict=True):
        if company and len(text) == 8 and kinds[row] in ("", "cvr"):
            answer = "cvr", text, ""
        else:
            answer = _judge_odd(text, kinds[row])
        judged.kinds[row], judged.numbers[row], judged.codes[row] = answer


def _judge_odd(text: str, kind: str) -> tuple[str, str, str]:
    """Returns kind, number and code of one row that needs a closer look."""
    if kind == "?":
        return "", "", "identity.type_unknown"
    if is_blank(text):
        return kind, "", "identity.empty"
    if kind == "cpr":
        return kind, "", Verdict.BAD_FORMAT.code
    if kind == "cvr":
        return _judge_company(text)
    return _judge_untyped(text)


def _judge_company(text: str) -> tuple[str, str, str]:
    return ("cvr", cvr_digits(text), "") if judge_cvr(text) else ("cvr", "", "identity.bad_cvr")


def _judge_untyped(text: str) -> tuple[str, str, str]:
    """Judges a text without a type that has neither a date nor nine digits in the shape of a CPR number."""
    if len(text) > MAX_LENGTH:
        return "", "", Verdict.BAD_FORMAT.code
    plain = tidy(text).upper()
    if _PLAINLY_CVR.fullmatch(plain):
        return _judge_company(text)
    bare = plain.translate(_LOOSE)
    if len(bare) not in (8, 10) or not (bare.isascii() and bare.isdigit()):
        return "", "", Verdict.BAD_FORMAT.code
    return "", "", "identity.ambiguous" if len(bare) == 10 else "identity.type_required"


def _as_list(values: Texts) -> list[str]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _lengths(texts: list[str]) -> Rows:
    return np.fromiter(map(len, texts), dtype=np.intp, count=len(texts))


def _other_rows(lengths: Rows, done: Rows, *, shortest: int) -> Iterator[int]:
    """Yields the rows still to be judged one by one: not done, and of a length that a number can have."""
    left = (lengths >= shortest) & (lengths <= MAX_LENGTH)
    left[done] = False
    yield from np.flatnonzero(left).tolist()


def _plain_rows(texts: list[str], rows: Rows, length: int) -> tuple[Rows, Digits]:
    """Returns those of the rows (all texts of `length`) that are plain digits, and the digits' values.

    A text of eleven has a separator in place 6, which is dropped. Each character becomes one byte, a `?`
    where it is outside Latin-1, so that one odd text can't shift another.
    """
    chosen = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
    signs = np.frombuffer("".join(chosen).encode("latin-1", "replace"), dtype=np.uint8).reshape(-1, length)
    if length == 11:
        separated = np.isin(signs[:, 6], np.frombuffer(b" ./-", dtype=np.uint8))
        rows, signs = rows[separated], np.delete(signs[separated], 6, axis=1)
    digits = signs - np.uint8(ord("0"))  # anything below the sign 0 wraps round to a large value
    plain = digits.max(axis=1, initial=0) <= 9
    return (rows, digits) if plain.all() else (rows[plain], digits[plain])


def _read_cprs(texts: list[str]) -> tuple[Digits, Codes]:
    """Returns ten digits per text and how many it had: 10, 9 (a zero is put in front) or 0 (no number)."""
    lengths = _lengths(texts)
    digits = np.zeros((len(texts), 10), dtype=np.uint8)
    n_digits = np.zeros(len(texts), dtype=np.uint8)
    for length in (9, 10, 11):
        rows, found = _plain_rows(texts, np.flatnonzero(lengths == length), length)
        digits[rows, 10 - found.shape[1] :] = found
        n_digits[rows] = found.shape[1]
    others = _other_rows(lengths, np.flatnonzero(n_digits), shortest=9)
    spelled = {row: text for row in others if (text := cpr_digits(texts[row]))}
    odd = np.fromiter(spelled, dtype=np.intp, count=len(spelled))
    n_digits[odd] = _lengths(list(spelled.values()))
    digits[odd] = _plain_rows([text.zfill(10) for text in spelled.values()], odd, 10)[1]
    return digits, n_digits


def _judge_shaped(digits: Digits, n_digits: Codes, today: date) -> Codes:
    """Returns the verdict codes of digits read from texts, with the rules for nine digits and for none."""
    codes = np.empty(len(digits), dtype=np.uint8)
    for start in range(0, len(digits), _BLOCK):
        codes[start : start + _BLOCK] = _judge_block(digits[start : start + _BLOCK], _key(today))
    codes[n_digits == 0] = CODE_OF[Verdict.BAD_FORMAT]
    nine = n_digits == 9
    if nine.any():
        codes[nine] = np.where(
            _SENDABLE[codes[nine]], CODE_OF[Verdict.LOST_ZERO], CODE_OF[Verdict.BAD_FORMAT]
        ).astype(np.uint8)
    return codes


def _judge_block(digits: Digits, today_key: int) -> Codes:
    """Judges ten digits per row; a later assignment wins, so the weightiest finding comes last."""
    d = digits.astype(np.int32)
    years, days_in_month = _tables()
    day, month = d[:, 0] * 10 + d[:, 1], d[:, 2] * 10 + d[:, 3]
    year = years[d[:, 6] * 100 + d[:, 4] * 10 + d[:, 5]]
    replacement = day > REPLACEMENT_DAYS
    day = np.where(replacement, day - REPLACEMENT_DAYS, day)
    born = year * 10_000 + month * 100 + day
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    codes = np.full(len(d), CODE_OF[Verdict.HOLD_NO_MOD11], dtype=np.uint8)
    codes[np.isin(born, _exception_keys())] = CODE_OF[Verdict.OK_NO_MOD11]
    codes[_remainders(digits, CPR_WEIGHTS) == 0] = CODE_OF[Verdict.OK]
    codes[born > today_key] = CODE_OF[Verdict.FUTURE]
    codes[year < 1900] = CODE_OF[Verdict.IMPLAUSIBLE_AGE]
    codes[replacement] = CODE_OF[Verdict.REPLACEMENT]
    codes[(day < 1) | (day > days_in_month[leap * 100 + month])] = CODE_OF[Verdict.BAD_DATE]
    codes[digits.max(axis=1) == 0] = CODE_OF[Verdict.PLACEHOLDER]
    return codes


def _remainders(digits: Digits, weights: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """Returns the weighted sum of each row modulo 11."""
    total = np.zeros(len(digits), dtype=np.uint16)
    for column, weight in enumerate(weights):
        total += digits[:, column] * np.uint16(weight)
    return total % np.uint16(11)


@cache
def _tables() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Returns year by (seventh digit, year digits) and days by (leap year, month), zero for no such month."""
    years = np.array([birth_year(at // 100, at % 100) for at in range(1000)], dtype=np.int32)
    days = np.zeros(200, dtype=np.int32)
    for leap in (0, 1):
        days[leap * 100 + 1 : leap * 100 + 13] = (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return years, days


@cache
def _exception_keys() -> npt.NDArray[np.int32]:
    return np.array(sorted(map(_key, exception_dates())), dtype=np.int32)


def _key(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
