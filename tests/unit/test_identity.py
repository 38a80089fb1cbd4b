"""The rules for one number: facts/identity.md 1.1–1.7, row by row."""

from __future__ import annotations

import copy
import tomllib
from datetime import date, timedelta
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.dk import cpr as stdnum_cpr
from stdnum.dk import cvr as stdnum_cvr
from stdnum.exceptions import ValidationError

from schemas.catalogue import explain, family
from schemas.errors import BadInput
from schemas.identity import (
    HELD,
    REFUSED,
    SENDABLE,
    Cpr,
    Cvr,
    Verdict,
    birth_date,
    birth_year,
    exception_dates,
    judge_cpr,
    judge_cvr,
    mask_numbers,
    mod11_ok,
    plausible_cpr,
)

TODAY = date(2026, 11, 24)
V = Verdict

# Table 1.6: id, number, birth date, verdict, does modulus 11 hold.
WORKED = [
    ("A1", "140868-3994", date(1968, 8, 14), V.OK, True),
    ("A3", "080904-4998", date(2004, 9, 8), V.OK, True),
    ("A5", "010303-9991", date(2003, 3, 1), V.OK, True),
    ("B1", "010165-3999", date(1965, 1, 1), V.OK_NO_MOD11, False),
    ("B3", "010192-9999", date(1992, 1, 1), V.OK_NO_MOD11, False),
    ("C1", "310488-3981", None, V.BAD_DATE, True),
    ("C3", "290200-3994", None, V.BAD_DATE, True),
    ("D2", "010157-8992", date(2057, 1, 1), V.FUTURE, True),
    ("E1", "670480-3999", None, V.REPLACEMENT, True),
]
GOOD = [row for row in WORKED if row[3] in SENDABLE]

LISTED_YEARS = [
    1960,
    1962,
    1964,
    1965,
    1966,
    1967,
    1969,
    1970,
    1974,
    1975,
    1978,
    *range(1980, 1993),
    1994,
    1995,
]


def number_on(born: date, *, obeys: bool, seventh: int | None = None) -> str:
    """Computes a number of that birth date, with the highest serial that does or does not obey modulus 11."""
    for serial in range(9999, -1, -1):
        digits = f"{born:%d%m%y}{serial:04d}"
        right_place = birth_date(digits) == born and (seventh is None or digits[6] == str(seventh))
        if right_place and mod11_ok(digits) is obeys:
            return digits
    raise AssertionError("no such number")


@pytest.mark.parametrize(
    ("_id", "number", "born", "verdict", "obeys"), WORKED, ids=[row[0] for row in WORKED]
)
def test_worked_numbers_get_the_verdict_of_the_table(_id, number, born, verdict, obeys):
    digits = number.replace("-", "")
    assert judge_cpr(number, TODAY) is verdict
    assert judge_cpr(digits, TODAY) is verdict
    assert birth_date(digits) == born
    assert mod11_ok(digits) is obeys
    assert plausible_cpr(digits, TODAY) is verdict.sendable


def test_a_century_digit_that_makes_the_leap_year_real_is_fine():
    assert birth_date("2902004000") == date(2000, 2, 29)  # C3 with a 4 in place of the 3


def test_nine_digits_that_need_a_zero_are_held_and_never_sent():  # F1
    assert judge_cpr("506820456", TODAY) is V.LOST_ZERO
    assert judge_cpr("50682-0456", TODAY) is V.LOST_ZERO
    assert V.LOST_ZERO in HELD
    assert judge_cpr("0506820456", TODAY) is V.OK
    with pytest.raises(BadInput) as caught:
        Cpr.parse("506820456", TODAY)
    assert caught.value.code == "identity.lost_zero"


def test_nine_digits_that_no_zero_makes_good_are_of_bad_format():
    assert judge_cpr("506820457", TODAY) is V.BAD_FORMAT  # would fail modulus 11: not offered as a repair
    assert judge_cpr("000000000", TODAY) is V.BAD_FORMAT


CENTURIES = [
    *[(seventh, yy, 1900 + yy) for seventh in (0, 1, 2, 3) for yy in (0, 36, 37, 57, 58, 99)],
    *[(s, yy, (2000 if yy <= 36 else 1900) + yy) for s in (4, 9) for yy in (0, 36, 37, 57, 58, 99)],
    *[(s, yy, (2000 if yy <= 57 else 1800) + yy) for s in (5, 6, 7, 8) for yy in (0, 36, 37, 57, 58, 99)],
]


@pytest.mark.parametrize(("seventh", "yy", "year"), CENTURIES)
def test_the_century_follows_the_seventh_digit_and_the_year(seventh, yy, year):
    assert birth_year(seventh, yy) == year
    assert birth_date(f"0101{yy:02d}{seventh}000") == date(year, 1, 1)


def test_1900_was_no_leap_year_and_2000_was():
    assert birth_date("2902003000") is None
    assert birth_date("2902005000") == date(2000, 2, 29)
    assert birth_date("2902963000") == date(1996, 2, 29)
    assert birth_date("2902973000") is None


def test_the_day_of_birth_may_be_today_but_not_tomorrow():
    assert judge_cpr(number_on(TODAY, obeys=True), TODAY) is V.OK
    assert judge_cpr(number_on(TODAY + timedelta(days=1), obeys=True), TODAY) is V.FUTURE


def test_births_before_1900_are_implausible():
    assert judge_cpr(number_on(date(1858, 1, 1), obeys=True), TODAY) is V.IMPLAUSIBLE_AGE
    assert judge_cpr(number_on(date(1899, 12, 31), obeys=False), TODAY) is V.IMPLAUSIBLE_AGE


@pytest.mark.parametrize("year", LISTED_YEARS)
def test_numbers_of_a_listed_date_may_fail_modulus_11(year):
    assert judge_cpr(number_on(date(year, 1, 1), obeys=False), TODAY) is V.OK_NO_MOD11
    assert judge_cpr(number_on(date(year, 1, 2), obeys=False), TODAY) is V.HOLD_NO_MOD11


@pytest.mark.parametrize("born", [date(1961, 1, 1), date(1987, 12, 1), date(1993, 1, 1), date(2001, 5, 17)])
def test_numbers_of_other_dates_that_fail_modulus_11_are_held_and_never_refused(born):
    verdict = judge_cpr(number_on(born, obeys=False), TODAY)
    assert verdict is V.HOLD_NO_MOD11
    assert verdict.held and verdict not in REFUSED


def test_the_exception_dates_are_the_published_ones():
    assert exception_dates() == {date(year, 1, 1) for year in LISTED_YEARS}


def test_the_list_of_dates_says_where_it_is_from_and_how_old_it_is():
    data = tomllib.loads((files("schemas") / "data" / "cpr_no_mod11.toml").read_text(encoding="utf-8"))
    assert data["source"].startswith("https://cpr.dk/")
    assert data["as_of"] == date(2023, 5, 10)
    assert all(one["published"] and one["births"] for one in data["lists"])
    assert not exception_dates() & {one["birth"] for one in data["left_out"]}


@pytest.mark.parametrize("day", [61, 67, 91])
def test_a_day_with_sixty_added_is_a_replacement_number(day):
    assert judge_cpr(f"{day}01803999", TODAY) is V.REPLACEMENT


@pytest.mark.parametrize(
    "text", ["6002803999", "9202803999", "9002803999", "0002803999", "3201803999", "1013803999"]
)
def test_days_and_months_that_do_not_exist_are_bad_dates(text):
    assert judge_cpr(text, TODAY) is V.BAD_DATE


@pytest.mark.parametrize("text", ["0000000000", "000000-0000", " 0000000000 "])
def test_ten_zeros_are_a_placeholder(text):
    assert judge_cpr(text, TODAY) is V.PLACEHOLDER


ACCEPTED_SPELLINGS = [
    "1408683994", "140868-3994", "140868 3994", "140868.3994", "140868/3994", "140868 - 3994",
    "14 08 68 3994", "14 08 68-3994", "14.08.68-3994", " 140868-3994\t", "140868\u20113994",
    "140868\u20133994", "140868\u22123994", "140868\u00a03994", "\ufeff140868-3994", "\u200b1408683994\u200e",
    "\u202f14\u00a008\u00a068\u00a03994",
    "140868\t3994",
]  # fmt: skip


@pytest.mark.parametrize("text", ACCEPTED_SPELLINGS)
def test_separators_and_unseen_signs_do_not_matter(text):
    assert judge_cpr(text, TODAY) is V.OK
    assert Cpr.parse(text, TODAY).digits == "1408683994"


BAD_SPELLINGS = [
    "", " ", "-", "140868--3994", "140-8683994", "140868-39 94", "140868_3994", "140868-399", "140868-39945",
    "14086839941408683994", "140868KOT4", "\u0661\u0664\u0660\u0668\u0666\u0668\u0663\u0669\u0669\u0664",
    "\uff11408683994", "140868399\u00b2", "1.408683994E9", "1408683994.0", "DK1408683994", "'1408683994",
    "140868\n3994", "1" * 10_000, "\ud800408683994",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_SPELLINGS, ids=range(len(BAD_SPELLINGS)))
def test_anything_else_is_of_bad_format(text):
    assert judge_cpr(text, TODAY) is V.BAD_FORMAT


def test_every_verdict_is_sendable_or_held_or_refused_and_the_rest_have_codes_with_texts():
    assert set(Verdict) == SENDABLE | HELD | REFUSED
    assert not (SENDABLE & HELD or SENDABLE & REFUSED or HELD & REFUSED)
    for verdict in Verdict:
        assert verdict.sendable == (verdict.code == "")
        if verdict.code:
            assert verdict.code in family("identity")


OTHER_CODES = ("empty", "bad_cvr", "ambiguous", "type_required", "type_unknown", "repaired_zero")


@pytest.mark.parametrize(
    "code", [*(v.code for v in Verdict if v.code), *(f"identity.{c}" for c in OTHER_CODES)]
)
@pytest.mark.parametrize("language", ["da", "en"])
def test_every_code_is_explained_in_both_languages(code, language):
    text = explain(code, language)
    assert text.what != code and text.what.endswith(".") and text.do.endswith(".")
    assert "{" not in str(text)


@pytest.mark.parametrize("row", GOOD, ids=[row[0] for row in GOOD])
def test_a_good_number_becomes_a_value(row):
    cpr = Cpr.parse(row[1], TODAY)
    assert cpr.digits == row[1].replace("-", "")
    assert cpr.birth_date == row[2]
    assert cpr.masked == row[1][:6] + "-••••"
    assert cpr == Cpr(cpr.digits) and hash(cpr) == hash(Cpr(cpr.digits))


@pytest.mark.parametrize("row", [row for row in WORKED if row[3] not in SENDABLE], ids=lambda row: row[0])
def test_a_bad_number_is_refused_with_its_code_and_without_its_digits(row):
    with pytest.raises(BadInput) as caught:
        Cpr.parse(row[1], TODAY)
    assert caught.value.code == row[3].code
    assert not any(sign.isdigit() for sign in str(caught.value) + repr(caught.value))
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.parametrize("text", ["", "  ", "\ufeff", "\u00a0"])
def test_a_blank_number_is_said_to_be_empty(text):
    for parse in (lambda: Cpr.parse(text, TODAY), lambda: Cvr.parse(text)):
        with pytest.raises(BadInput) as caught:
            parse()
        assert caught.value.code == "identity.empty"


def test_a_number_released_by_a_person_can_be_carried():
    held = number_on(date(1961, 1, 1), obeys=False)
    with pytest.raises(BadInput):
        Cpr.parse(held, TODAY)
    assert Cpr(held).birth_date == date(1961, 1, 1)


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("140868399", "bad_format"),
        ("140868-3994", "bad_format"),
        ("3104883981", "bad_date"),
        ("0" * 10, "bad_date"),
    ],
)
def test_a_value_can_never_be_built_of_something_that_is_no_number(digits, code):
    with pytest.raises(BadInput) as caught:
        Cpr(digits)
    assert caught.value.code == f"identity.{code}"


def test_values_never_show_their_digits():
    for value in (Cpr("1408683994"), Cvr("13748136")):
        shown = f"{value} {value!r} {value!s} {[value]} { ({value: value}) } {copy.copy(value)!r}"
        assert not any(sign.isdigit() for sign in shown)


def test_a_person_and_a_company_are_never_equal():
    person: object = Cpr("1408683994")
    assert person != Cvr("13748136")
    assert len({Cpr("1408683994"), Cpr("1408683994"), Cvr("13748136")}) == 2


# Section 1.7, and the ways of writing that python-stdnum strips.
GOOD_CVRS = [
    "13748136", "28541074", "30482166", "44556677", "10000009", "DK 13 74 81 36", "dk13748136", "DK-13748136",
    "13.74.81.36", "1374 8136", "DK:1374/8136", " 13748136 ", "13\u00a074\u00a081\u00a036", "\ufeff13748136",
]  # fmt: skip
BAD_CVRS = [
    "13748135", "12345678", "99999999", "1374813", "00123455", "", "DK", "137481360", "1374813A",
    "DKDK13748136", "\u0661\u0663\u0667\u0664\u0668\u0661\u0663\u0666", "SE13748136", "13748136" * 50,
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD_CVRS)
def test_cvr_numbers_that_obey_modulus_11_are_good(text):
    assert judge_cvr(text)
    assert Cvr.parse(text).masked == Cvr.parse(text).digits


@pytest.mark.parametrize("text", BAD_CVRS, ids=range(len(BAD_CVRS)))
def test_other_cvr_numbers_are_refused(text):
    assert not judge_cvr(text)
    with pytest.raises(BadInput) as caught:
        Cvr.parse(text)
    assert caught.value.code == ("identity.bad_cvr" if text else "identity.empty")


@pytest.mark.parametrize("digits", ["", "140868399", "140868-3994", "14086839944", "\uff11408683994"])
def test_only_ten_plain_digits_can_be_plausible(digits):
    assert not plausible_cpr(digits, TODAY)
    assert birth_date(digits) is None
    assert not mod11_ok(digits)


MASKED = [
    ("loen_140868-3994.pdf", "loen_140868-••••.pdf"),
    ("1408683994", "140868-••••"),
    ("140868 3994", "140868-••••"),
    ("14 08 68 - 3994", "140868-••••"),
    ("140868_3994", "140868-••••"),
    ("140868\u20113994", "140868-••••"),
    ("cpr=1408683994&x=1", "cpr=140868-••••&x=1"),
    ("a1408683994b, 0101653999.", "a140868-••••b, 010165-••••."),
    ("670480-3999", "670480-••••"),
    ("5068 20456", "5068 20456"),
    ("fil 506820456", "fil 50682-••••"),
    ("123999456", "123999456"),
    ("13748136", "13748136"),
    ("14086839941", "14086839941"),
    ("konto 12345678901234", "konto 12345678901234"),
    ("2026-11-24T10:15:00Z", "2026-11-24T10:15:00Z"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "shown"), MASKED)
def test_numbers_in_free_text_are_masked(text, shown):
    assert mask_numbers(text) == shown


def test_numbers_that_other_digits_stand_before_are_masked_too():
    for text in ("99 99 140868 3994", "1-140868-3994", "20 140868-3994 7", "140868-3994 010165-3999"):
        shown = mask_numbers(text)
        assert "3994" not in shown and "3999" not in shown


ten_digits = st.from_regex(r"[0-9]{10}", fullmatch=True)
quick = settings(max_examples=300, deadline=None, database=None)


@quick
@given(ten_digits)
def test_birth_dates_and_sums_agree_with_python_stdnum(digits):
    try:
        born = stdnum_cpr.get_birth_date(digits)
    except ValidationError:
        born = None
    assert birth_date(digits) == born
    assert mod11_ok(digits) is (stdnum_cpr.checksum(digits) == 0)


@quick
@given(
    st.one_of(st.text("0123456789 -.,/:DKdk", max_size=20), st.from_regex(r"[1-9][0-9]{7}", fullmatch=True))
)
def test_cvr_numbers_agree_with_python_stdnum(text):
    assert judge_cvr(text) == stdnum_cvr.is_valid(text)


@quick
@given(
    st.text(max_size=5),
    ten_digits,
    st.sampled_from(["", "-", " ", " - ", "_", "\u2013"]),
    st.text(max_size=5),
)
def test_a_masked_text_never_holds_the_serial_in_its_place(before, digits, separator, after):
    text = f"{before}x{digits[:6]}{separator}{digits[6:]}x{after}"
    assert f"x{digits[:6]}-••••x" in mask_numbers(text)
