"""Columns of numbers: the same answers as one by one, and the rules for rows with and without a type."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identity import Verdict, birth_date, cpr_digits, judge_cpr, judge_cvr, mod11_ok
from schemas.identity_columns import VERDICTS, judge_cprs, judge_cvrs, judge_recipients

TODAY = date(2026, 11, 24)

dates = st.dates(date(1858, 1, 1), date(2057, 12, 31))
near_numbers = st.builds(lambda born, serial: f"{born:%d%m%y}{serial:04d}", dates, st.integers(0, 9999))
shifted = near_numbers.map(lambda digits: f"{int(digits[0]) + 6}{digits[1:]}"[:10])
odd_signs = st.sampled_from(
    [*" -./_", " - ", "\u2011", "\u00a0", "\ufeff", "\u0663", "\uff11", "\u00b2", "\ud83d"]
)


@st.composite
def spellings(draw):
    """A number that is nearly or wholly right, with signs put in or digits taken out."""
    text = draw(st.one_of(near_numbers, shifted, st.from_regex(r"[0-9]{7,11}", fullmatch=True)))
    if draw(st.booleans()):
        text = text[:6] + draw(odd_signs) + text[6:]
    if draw(st.booleans()):
        text = text.removeprefix("0")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(odd_signs) + text[at:]
    return text


texts = st.lists(st.one_of(spellings(), st.text(max_size=14), st.just(""), st.just("9" * 500)), max_size=30)
quick = settings(max_examples=300, deadline=None, database=None)


def verdicts_of(values, today=TODAY):
    return [VERDICTS[code] for code in judge_cprs(values, today).tolist()]


@quick
@given(texts, st.dates(date(1950, 1, 1), date(2060, 1, 1)))
def test_a_column_of_cpr_numbers_is_judged_as_one_by_one(values, today):
    assert verdicts_of(values, today) == [judge_cpr(value, today) for value in values]


@quick
@given(st.lists(st.one_of(st.text("0123456789 -.DK", max_size=14), st.text(max_size=10)), max_size=30))
def test_a_column_of_cvr_numbers_is_judged_as_one_by_one(values):
    assert judge_cvrs(values).tolist() == [judge_cvr(value) for value in values]


def test_whole_days_of_serials_are_judged_as_one_by_one():
    days = (
        "010165",
        "020165",
        "290200",
        "310488",
        "241126",
        "251126",
        "670480",
        "010157",
        "010158",
        "000000",
    )
    values = [f"{day}{serial:04d}" for day in days for serial in range(0, 10_000, 7)]
    assert verdicts_of(values) == [judge_cpr(value, TODAY) for value in values]
    assert len(set(verdicts_of(values))) == 8  # all but BAD_FORMAT and LOST_ZERO: the comparison is not idle


def test_more_rows_than_one_block_are_all_judged():
    values = ["1408683994", "3104883981"] * 40_000
    assert verdicts_of(values) == [Verdict.OK, Verdict.BAD_DATE] * 40_000


def test_arrays_lists_and_nothing_at_all_are_taken():
    values = ["1408683994", "", "506820456"]
    wanted = [Verdict.OK, Verdict.BAD_FORMAT, Verdict.LOST_ZERO]
    assert verdicts_of(np.array(values)) == wanted
    assert verdicts_of(np.array(values, dtype=np.object_)) == wanted
    assert verdicts_of([]) == [] and judge_cvrs([]).tolist() == []
    assert len(judge_recipients([], [], TODAY)) == 0


def test_one_odd_value_never_shifts_its_neighbours():
    odd = ("\u20ac" * 10, "\U0001f600" * 10, "\ud800" * 10, "x" * 100_000, "\x00" * 10, "\u00b2" * 10)
    values = [value for one in odd for value in (one, "1408683994")]
    assert verdicts_of(values) == [Verdict.BAD_FORMAT, Verdict.OK] * len(odd)


HELD_NUMBER = next(
    digits
    for serial in range(9999, 0, -1)
    if not mod11_ok(digits := f"170501{serial:04d}") and birth_date(digits)
)
# number, type, then: kind, digits, code, held, repaired
ROWS = [
    ("140868-3994", "cpr", "cpr", "1408683994", "", False, ""),
    ("140868-3994", "", "cpr", "1408683994", "", False, ""),
    ("1408683994", " CPR ", "cpr", "1408683994", "", False, ""),
    ("0101653999", "", "cpr", "0101653999", "", False, ""),
    (HELD_NUMBER, "", "cpr", HELD_NUMBER, "identity.hold_no_mod11", True, ""),
    (HELD_NUMBER, "cpr", "cpr", HELD_NUMBER, "identity.hold_no_mod11", True, ""),
    ("506820456", "", "cpr", "", "identity.lost_zero", True, "0506820456"),
    ("506820456", "cpr", "cpr", "", "identity.lost_zero", True, "0506820456"),
    ("506820457", "cpr", "cpr", "", "identity.bad_format", False, ""),
    ("506820456", "cvr", "cvr", "", "identity.bad_cvr", False, ""),
    ("670480-3999", "", "cpr", "", "identity.replacement", False, ""),
    ("010157-8992", "", "cpr", "", "identity.future", False, ""),
    ("0101588000", "cpr", "cpr", "", "identity.implausible_age", False, ""),
    ("0000000000", "", "cpr", "", "identity.placeholder", False, ""),
    ("3104883981", "cpr", "cpr", "", "identity.bad_date", False, ""),
    ("3104883981", "", "", "", "identity.ambiguous", False, ""),
    ("1013456789", "", "", "", "identity.ambiguous", False, ""),
    ("31.0488.3981.", "", "", "", "identity.ambiguous", False, ""),
    ("13748136", "", "cvr", "13748136", "", False, ""),
    ("13748136", "Cvr", "cvr", "13748136", "", False, ""),
    ("DK 13 74 81 36", "", "cvr", "13748136", "", False, ""),
    ("13 74 81 36", "", "cvr", "13748136", "", False, ""),
    ("13748135", "", "cvr", "", "identity.bad_cvr", False, ""),
    ("00123455", "", "cvr", "", "identity.bad_cvr", False, ""),
    ("DK1374813", "", "cvr", "", "identity.bad_cvr", False, ""),
    ("13748136", "cpr", "cpr", "", "identity.bad_format", False, ""),
    ("137481-36", "", "", "", "identity.type_required", False, ""),
    ("137481-36", "cvr", "cvr", "13748136", "", False, ""),
    ("140868-3994", "cvr", "cvr", "", "identity.bad_cvr", False, ""),
    ("140868-3994", "p", "", "", "identity.type_unknown", False, ""),
    ("13748136", "se", "", "", "identity.type_unknown", False, ""),
    ("", "", "", "", "identity.empty", False, ""),
    ("   ", "cpr", "cpr", "", "identity.empty", False, ""),
    ("\ufeff", "cvr", "cvr", "", "identity.empty", False, ""),
    ("hest", "", "", "", "identity.bad_format", False, ""),
    ("1" * 9_999, "", "", "", "identity.bad_format", False, ""),
    ("1" * 9_999, "cvr", "cvr", "", "identity.bad_cvr", False, ""),
    ("140868KOT4", "cpr", "cpr", "", "identity.bad_format", False, ""),
]


def rows_of(judged):
    columns = (judged.kinds, judged.numbers, judged.codes, judged.held, judged.repaired)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_a_row_is_judged_by_its_type_or_by_its_shape(row):
    assert rows_of(judge_recipients([row[0]], [row[1]], TODAY)) == [row[2:]]


def test_rows_do_not_disturb_each_other():
    judged = judge_recipients([row[0] for row in ROWS], np.array([row[1] for row in ROWS]), TODAY)
    assert rows_of(judged) == [row[2:] for row in ROWS]


def test_columns_of_different_length_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="length"):
        judge_recipients(["1408683994"], [], TODAY)


def test_a_judged_column_shows_no_number():
    assert repr(judge_recipients(["1408683994", "13748136"], ["", ""], TODAY)) == "Judged(n_rows=2)"


@quick
@given(
    st.lists(
        st.tuples(st.one_of(spellings(), st.text(max_size=12)), st.sampled_from(["", "cpr", "cvr", "x"]))
    )
)
def test_only_numbers_that_one_by_one_are_good_can_be_sent(rows):
    judged = judge_recipients([row[0] for row in rows], [row[1] for row in rows], TODAY)
    for (text, stated), (kind, number, code, held, repaired) in zip(rows, rows_of(judged), strict=True):
        assert not (code == "" and held)
        assert stated in ("", kind) or code == "identity.type_unknown"
        if code == "" and kind == "cpr":
            assert judge_cpr(text, TODAY).sendable and number == cpr_digits(text)
        elif code == "":
            assert kind == "cvr" and judge_cvr(text) and judge_cvr(number)
        else:
            assert bool(number) == (code == "identity.hold_no_mod11")
        assert bool(repaired) == (code == "identity.lost_zero")
