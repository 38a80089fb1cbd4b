"""The guard against other people's documents: what counts as a shown CPR number, and what never trips it."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.other_cpr import judge_text
from tests.rigs.big_drops import cprs
from tests.rigs.pdfs import payslip_lines

TODAY = date(2026, 11, 24)
RECIPIENT = "1408683994"
COMPANY = "13748136"

# Beside the test numbers: 010171-1235 and 020270-1235 are made up so that they fail modulus 11 on dates that
# have no such numbers; nobody can hold them by the published rules, and without a label they don't count.
OTHERS = [
    "CPR 010165-3999",
    "Nr. 0101653999",
    "010165 3999",
    "010165 - 3999",
    "010165- 3999",
    "010165–3999",
    "010165\u20113999",
    "010165\u2212 3999",
    "010165\u00a03999",
    "010165\u00ad3999",
    "010165\u200b-3999",
    "01.01.65-3999",
    "01 01 65 - 3999",
    "01/01/65-3999",
    "0809044998 er hendes nummer",
    "navn 0809044998.",
    "(0809044998)",
    # broken over a line end
    "010165-\n3999",
    "010165-\r\n3999",
    "010165\n-3999",
    "010165\n3999",
    "010165\ufffe3999",
    "010165\x02\r\n3999",
    # masked after the date
    "010165-xxxx",
    "010165-XXXX",
    "010165-****",
    "010165-••••",
    "010165-____",
    "010165-…",
    "010165-...",
    "010165 - xxxx",
    "010165–xxxx",
    "010165xxxx",
    "010165 xxxx",
    "010165-xx99",
    "010165----",
    "01.01.65-xxxx",
    "290200-xxxx",
    # with its label a number counts whenever its date is possible
    "CPR-nr. 010171-1235",
    "CPR-nr.: 0101711235",
    "cpr nummer 010171-1235",
    "CPRnr 0101711235",
    "CPR0101711235",
    "Personnummer: 0202701235",
    "Fødselsnummer 0202701235",
    "C.P.R. 020270-1235",
    "CPR-nr.\n010171-1235",
    "CPR-nr.   Navn\n010171-1235  Test",
    "CPR 670480-3999",
    "CPR: 010170xxxx",
    # other labels and digits nearby don't cover a number that isn't theirs
    "Konto 1234 0101651234 CPR 010165-3999",
    "Medarb.nr. 1234 010165-3999",
    "Lønnr. CPR-nr.\n4711 0101653999",
    "Telefon 33445566 0101653999",
    "Telefon 33445566\n0101653999",
    "Kontorassistent 0101653999",
    "Kontor: 0101653999",
    "Kontrakt 0101653999",
    "Regnskab for 0101653999",
    "CVR 13748136 og 010165-3999",
    "bank: se nedenfor, nummer 010165-3999",
]

NOBODY = [
    "",
    "Ingen numre her",
    "Konto 0101653999",
    "reg.nr. 1234 konto 0101653999",
    "Reg. 1234 - 0101653999",
    "1234-0101653999",
    "1234 0101653999",
    "1234/0101653999",
    "NemKonto 1234 0101653999",
    "NemKonto: 0101653999",
    "Kontonr.: 1234 0101653999",
    "Kontonummer 010165-3999",
    "Bank: Danske Bank 0101653999",
    "Bankkonto:\n0101653999",
    "Reg.nr. Kontonr.\n1234 0101653999",
    "Konto 010165****",
    "1234-010165xxxx",
    "IBAN DK5000400440116243",
    "IBAN DK50 0040 0440 1162 43",
    "P-nr. 0101653999",
    "P-nummer: 0101653999",
    "P.nr. 0101653999",
    "Pnr. 0101653999",
    "Produktionsenhed 0101653999",
    "Produktionsenhedsnummer: 0101653999",
    "P-nr.\n0101653999",
    "CVR-nr. P-nr.\n13748136 0101653999",
    "CVR/P-nr.: 13748136/0101653999",
    "13748136 - 0101653999",
    "CVR-nr. 13748136",
    "Tlf. +45 01016539",
    "+450101653999",
    "Telefon: 0101653999",
    "EAN 5790101653999",
    "GLN 5790001653999",
    "Faktura 0101653999",
    "Reference 20101653999",
    "Betalings-id 010165399901016",
    "+71<010165399901016+85312345<",
    "123456******1234",
    # no date, no plausible number, an amount, a date and a town, a ruled line
    "3113653999",
    "310488-3981",
    "290200-3994",
    "0101711235",
    "0202701235",
    "0000000000",
    "CPR 0000000000",
    "010157-8992",
    "670480-3999",
    "310288-xxxx",
    "010165 3999,50",
    "1.010165 3999",
    "Pr. 010165\n3999 Byen",
    "Konto 010165 ......... 1,00",
    "010165 ____",
    "010165-________________",
    "010165",
    "CPR: ikke oplyst",
]


@pytest.mark.parametrize("text", OTHERS)
def test_another_persons_number_holds_the_row(text: str) -> None:
    assert judge_text(text, RECIPIENT, TODAY)
    assert judge_text(f"Kære medarbejder\n{text}\nVenlig hilsen", RECIPIENT, TODAY)


@pytest.mark.parametrize("text", NOBODY)
def test_what_is_nobodys_number_never_trips(text: str) -> None:
    assert not judge_text(text, RECIPIENT, TODAY)
    assert not judge_text(f"Kære medarbejder\n{text}\nVenlig hilsen", RECIPIENT, TODAY)


@pytest.mark.parametrize(
    "own",
    [
        "140868-3994",
        "1408683994",
        "140868 3994",
        "140868 - 3994",
        "14.08.68-3994",
        "1 4 0 8 6 8 - 3 9 9 4",
        "140868-\n3994",
        "140868\ufffe3994",
        "140868-xxxx",
        "140868-••••",
        "CPR:1408683994",
        "Konto 1408683994",
    ],
)
def test_where_the_recipient_is_shown_nothing_is_held(own: str) -> None:
    assert not judge_text(f"010165-3999 og {own} og 080904-4998", RECIPIENT, TODAY)


@pytest.mark.parametrize("near", ["140868-3995", "140868-399", "1140868-3994", "140868-39940", "150868-xxxx"])
def test_a_near_miss_is_not_the_recipient(near: str) -> None:
    assert judge_text(f"010165-3999 og {near}", RECIPIENT, TODAY)


def test_a_number_released_without_modulus_11_is_still_the_recipients() -> None:
    assert not judge_text("CPR-nr. 010171-1235", "0101711235", TODAY)


@pytest.mark.parametrize("own", ["13748136", "DK13748136", "DK 13 74 81 36", "CVR: 13.74.81.36"])
def test_a_company_is_shown_by_its_own_number(own: str) -> None:
    assert judge_text("Vedr. 010165-3999", COMPANY, TODAY)
    assert judge_text("Vedr. 010165-3999, CVR 28541074", COMPANY, TODAY)
    assert not judge_text(f"Vedr. 010165-3999, {own}", COMPANY, TODAY)
    assert not judge_text("Vedr. lejemålet", COMPANY, TODAY)


def _written(cpr: str, chance: random.Random) -> str:
    shapes = (
        "{0}-{1}",
        "{0}{1}",
        "{0} {1}",
        "{0} - {1}",
        "{0}–{1}",
        "CPR-nr. {0}-{1}",
        "CPR: {0}{1}",
        "{0}-\n{1}",
    )
    masked = ("{0}-xxxx", "{0}-XXXX", "{0}-****", "{0}-••••", "{0}-____", "{0}-…")
    return chance.choice(shapes + masked).format(cpr[:6], cpr[6:])


def test_a_thousand_swapped_documents_are_all_caught() -> None:
    chance = random.Random(20261124)
    people = list(cprs(1000, seed=7))
    missed = n_false = 0
    for n, cpr in enumerate(people):
        other = next(one for one in people[n + 1 :] + people[:n] if one[:6] != cpr[:6])
        usual = payslip_lines(other, "Test Testesen")
        usual[3] = f"{_written(other, chance)}   Afdeling 12"
        text = "\n".join(usual)
        n_false += judge_text("\n".join(usual[:3] + usual[4:]), cpr, TODAY)
        missed += not judge_text(text, cpr, TODAY)
        n_false += judge_text(text, other, TODAY)
    assert (missed, n_false) == (0, 0)


def _bank_or_place(chance: random.Random) -> str:
    born = f"{chance.randrange(1, 29):02d}{chance.randrange(1, 13):02d}{chance.randrange(100):02d}"
    ten = (
        f"{born}{chance.randrange(10_000):04d}"
        if chance.random() < 0.8
        else f"{chance.randrange(10**10):010d}"
    )
    shapes = (
        "reg.nr. {reg} konto {ten}",
        "Reg.nr.: {reg}  Kontonr.: {ten}",
        "Lønnen overføres til konto {reg}-{ten}",
        "{reg}-{ten}",
        "{reg} {ten}",
        "NemKonto {reg} {ten}",
        "NemKonto: {reg}-{ten}",
        "Bank: Sparekassen {reg} {ten}",
        "P-nr. {ten}",
        "P-nummer: {ten}",
        "Produktionsenhed {ten}",
        "P-nummer\n{ten}",
        "Reg.nr.  Kontonr.\n{reg}  {ten}",
    )
    return chance.choice(shapes).format(reg=f"{chance.randrange(10_000):04d}", ten=ten)


def test_ten_thousand_accounts_and_places_of_business_hold_nothing() -> None:
    chance = random.Random(5)
    n_held = 0
    for _ in range(10_000):
        text = f"Lønseddel november 2026\nCVR-nr. 13748136\n{_bank_or_place(chance)}\nNettoløn 24.310,50"
        n_held += judge_text(text, RECIPIENT, TODAY)
    assert n_held == 0


@given(st.text(alphabet="0123456789 -./\nxX*•…_kontoCPRnrPæ:,+<\r\t\ufffe\u2011", max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    assert judge_text(text, RECIPIENT, TODAY) in (True, False)
    assert judge_text(text, COMPANY, TODAY) in (True, False)
    assert not judge_text(f"{text}\n{RECIPIENT}\n", RECIPIENT, TODAY)


@pytest.mark.parametrize(
    "piece",
    [
        "1234567890 ",
        "0101653998\n",
        "bank",
        "k",
        " ",
        "1 ",
        "\n",
        "010165-",
        "010165-x",
        "140868",
        "1.",
        "a" * 50 + "\n",
    ],
)
def test_the_work_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    """A quadratic way would run into the test's time limit."""
    judge_text(piece * (1_000_000 // len(piece)), RECIPIENT, TODAY)
