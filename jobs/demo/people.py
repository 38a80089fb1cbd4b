"""Invents a company and its employees: names, pay, and numbers that follow the public rules.

Deterministic by its seed. The numbers are computed by facts of the CPR Office (modulus 11, century table): a
real person could hold one, so they go to a simulator and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

COMPANY = "Havnens Bageri A/S"
COMPANY_CVR = "28541074"
COMPANY_ADDRESS = "Kajgade 7, 5000 Odense C"
PERIOD = "november 2026"
PAID_ON = date(2026, 11, 30)

_WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2)
_FIRST = (
    *("Anne", "Bent", "Camilla", "Dorthe", "Emil", "Frederik", "Gitte", "Hans", "Ida", "Jens", "Kirsten"),
    *("Lars", "Mette", "Niels", "Ole", "Pia", "Rasmus", "Søren", "Tina", "Ulla", "Vibeke", "Åse", "Ægir"),
    *("Øjvind", "Astrid", "Birgitte", "Christian", "Ditte", "Erik", "Freja"),
)
_LAST = (
    *(
        "Jensen",
        "Nielsen",
        "Hansen",
        "Pedersen",
        "Andersen",
        "Christensen",
        "Larsen",
        "Sørensen",
        "Rasmussen",
    ),
    *("Jørgensen", "Petersen", "Madsen", "Kristensen", "Olsen", "Thomsen", "Møller", "Østergaard", "Ågård"),
)
_TITLES = (
    ("Bager", 31_200),
    ("Konditor", 31_900),
    ("Ekspedient", 25_400),
    ("Chauffør", 28_700),
    ("Lagermedarbejder", 27_300),
    ("Bogholder", 36_800),
    ("Produktionsleder", 44_500),
    ("Rengøringsassistent", 24_900),
    ("Bagerlærling", 16_800),
)


@dataclass(frozen=True, slots=True)
class Employee:
    """One invented employee; money in øre."""

    number: int
    cpr: str = field(repr=False)
    name: str = field(repr=False)
    title: str
    monthly_pay: int
    registration: str = field(repr=False)
    account: str = field(repr=False)
    holiday_days: float


def employees(n: int, seed: int = 2026) -> list[Employee]:
    """Returns n employees, the same ones each time."""
    chance = random.Random(seed)
    numbers = cpr_numbers(chance)
    return [_employee(chance, index, next(numbers)) for index in range(1, n + 1)]


def _employee(chance: random.Random, index: int, cpr: str) -> Employee:
    title, pay = chance.choice(_TITLES)
    return Employee(
        number=1000 + index,
        cpr=cpr,
        name=f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
        title=title,
        monthly_pay=round(pay * chance.uniform(0.93, 1.18)) * 100,
        registration=f"{chance.randrange(1000, 9999)}",
        account=f"{chance.randrange(10**9, 10**10)}",
        holiday_days=chance.randrange(0, 50) / 2,
    )


def cpr_numbers(chance: random.Random) -> Iterator[str]:
    """Yields distinct numbers of people born 1950 to 2004 that pass modulus 11, none born on 1 January."""
    seen: set[str] = set()
    while True:
        born = date(1950, 1, 1) + timedelta(days=chance.randrange(20_000))
        if (born.month, born.day) == (1, 1):
            continue
        number = _with_check_digit(f"{born:%d%m%y}{_serial(chance, born)}")
        if number and number not in seen:
            seen.add(number)
            yield number


def _serial(chance: random.Random, born: date) -> str:
    """Returns three digits whose first one tells the century: 0-3 for the 1900s, 4 for 2000 to 2036."""
    return f"{4 if born.year >= 2000 else chance.randrange(4)}{chance.randrange(100):02d}"


def _with_check_digit(nine: str) -> str:
    """Returns the ten digits, or nothing where no check digit fits."""
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, nine, strict=True)) % 11
    return f"{nine}{rest}" if rest < 10 else ""


def without_mod11(chance: random.Random) -> str:
    """Returns a number with a real date that fails modulus 11 on a date where no such numbers are known."""
    good = next(cpr_numbers(chance))
    return f"{good[:9]}{(int(good[9]) + 1) % 10}"
