"""The people and companies the simulator knows, and what a recipient's standing is for a material.

Relies on `persons.toml` and on `schemas.identity` for computing test numbers. Holds no messages and knows no
wire format: REST, look-up and any later service ask here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any, Literal

from eboks.simulator.settings import Material
from schemas.identity import birth_date, mod11_ok

Kind = Literal["P", "V"]


class Status(StrEnum):
    """What a recipient is to e-Boks, whatever the material."""

    ENROLLED = "enrolled"
    NEVER_LOGGED_IN = "never_logged_in"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    DEAD = "dead"
    MINOR = "minor"


class Standing(StrEnum):
    """Whether a recipient gets this material, and if not, why: the look-up's `Grund` (facts c, modelled)."""

    ENROLLED = "enrolled"
    NOT_FOR_MATERIAL = "not_for_this_material"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    DEAD = "dead"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Person:
    """One recipient. `word` names it in tests; `groups` None means registered for every group.

    `post_processing` is where the proxy profile ends with one e-Boks does not reach, after `pending_polls`
    answers of "pending" (None: as the settings say).
    """

    word: str
    kind: Kind
    number: str = field(repr=False)
    status: Status = Status.ENROLLED
    groups: tuple[str, ...] | None = None
    name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    protected: bool = False
    p_numbers: tuple[str, ...] = ()
    post_processing: str = "remote printed"
    pending_polls: int | None = None


class Directory:
    """Everybody, as they stand now: the listed ones, flips made since, and a rule for all others."""

    def __init__(self, unlisted: Status) -> None:
        self._unlisted = unlisted
        self._everybody = {(one.kind, one.number): one for one in PERSONS.values()}

    def find(self, kind: Kind, number: str) -> Person:
        """Returns the person of that number; one who is not listed gets the rule's status."""
        known = self._everybody.get((kind, number))
        return known or Person(word="unlisted", kind=kind, number=number, status=self._unlisted)

    def flip(
        self,
        kind: Kind,
        number: str,
        status: Status | None = None,
        groups: tuple[str, ...] | None = None,
        *,
        all_groups: bool = False,
    ) -> Person:
        """Changes a person from now on, as between look-up and send (row 15); returns what they are now."""
        person = self.find(kind, number)
        changed = replace(
            person,
            status=status or person.status,
            groups=None if all_groups else (person.groups if groups is None else groups),
        )
        self._everybody[(kind, number)] = changed
        return changed


def standing(person: Person, material: Material) -> Standing:
    """Returns whether this person gets this material (facts c, "Rules").

    Registration is per group and recipient type. A mandatory material needs no subscription and waits for
    one who never logged in; a voluntary one needs both.
    """
    if person.status in _BARRED:
        return _BARRED[person.status]
    if person.kind not in material.recipient_types:
        return Standing.NOT_FOR_MATERIAL
    if material.delivery == "mandatory":
        return Standing.ENROLLED
    registered = person.groups is None or material.group in person.groups
    if person.status is Status.NEVER_LOGGED_IN or not registered:
        return Standing.NOT_FOR_MATERIAL
    return Standing.ENROLLED


def person(word: str) -> Person:
    """Returns the listed person of that word, e.g. `person("exempt").number`; KeyError when there is none."""
    return PERSONS[word]


def number_born(born: date) -> str:
    """Returns a birth date's test CPR number: the highest serial of its century that passes modulus 11."""
    stem = born.strftime("%d%m%y")
    serials = (f"{stem}{serial:04d}" for serial in range(9999, -1, -1))
    return next(digits for digits in serials if birth_date(digits) == born and mod11_ok(digits))


def _load() -> Mapping[str, Person]:
    text = files("eboks.simulator").joinpath("persons.toml").read_text("utf-8")
    return {row["word"]: _read(row) for row in tomllib.loads(text)["person"]}


def _read(row: dict[str, Any]) -> Person:
    fields = dict(row)
    born = fields.pop("born", None)
    fields.setdefault("kind", "P")
    fields["number"] = number_born(born) if born else fields["number"]
    fields["status"] = Status(fields.get("status", Status.ENROLLED))
    for name in ("groups", "p_numbers"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return Person(**fields)


_BARRED = {
    Status.NOT_FOUND: Standing.NOT_FOUND,
    Status.EXEMPT: Standing.EXEMPT,
    Status.DEAD: Standing.DEAD,
    Status.MINOR: Standing.MINOR,
}

PERSONS: Mapping[str, Person] = _load()
"""The listed people and companies by word."""
