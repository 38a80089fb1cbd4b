"""Every code the product uses has a text in both languages, and every text has a use."""

from __future__ import annotations

import ast

import pytest

from tests.rigs.source import ROOT, Module, modules
from tests.rigs.texts import (
    LABELS,
    LANGUAGES,
    PAGES,
    PHRASES,
    Texts,
    Use,
    catalogue,
    completed_in_pages,
    error_names,
    literals,
    page_words,
    placeholders,
    prefixes,
    uses,
)

# Carried by every BadInput beside its own parameters (schemas.errors).
ALWAYS_GIVEN = {"line", "column"}
# Never in any text; and never in one about a fault, which may end in a log, a report or another's inbox.
SECRET = {"cpr", "digits", "password", "secret", "titel", "title"}
PERSONAL = SECRET | {"email", "mobil", "modtager", "name", "navn", "recipient", "value"}


def _all_uses() -> list[Use]:
    return [use for module in modules() for use in uses(module)]


def _missing(found: list[Use]) -> set[str]:
    return {f"{use.code} ({use.where})" for use in found if use.code not in catalogue()}


def _named(texts: Texts, language: str) -> set[str]:
    return set().union(*(placeholders(text) for text in texts[language].values()))


def _ungiven(found: list[Use]) -> set[str]:
    """Returns the places that raise a code without a parameter that its text names."""
    return {
        f"{use.where} raises {use.code} without {sorted(lacking)}"
        for use in found
        if use.given is not None and use.code in catalogue()
        if (lacking := _named(catalogue()[use.code][1], "da") - use.given - ALWAYS_GIVEN)
    }


def _unused(found: tuple[Module, ...]) -> set[str]:
    words = set[str]().union(*(literals(module) for module in found))
    beginnings = set[str]().union(*(prefixes(m) for m in found if m.name != "schemas.catalogue"))
    beginnings |= {f"{family}.{start}" for family in (PHRASES, PAGES) for start in beginnings}
    used = words | {f"{family}.{word}" for family in (PHRASES, PAGES) for word in words}
    if found:
        used |= page_words() | {code for code in catalogue() if completed_in_pages(code)}
    return {code for code in catalogue() if code not in used and not code.startswith(tuple(beginnings))}


def _sample(text: str) -> Module:
    return Module("jobs.sample", ROOT / "jobs" / "sample.py", text, ast.parse(text))


def test_the_errors_of_the_house_are_found() -> None:
    assert {
        "BadInput",
        "Transient",
        "Unreachable",
        "Refused",
        "InDoubt",
        "ConfigurationError",
    } <= error_names()


def test_every_used_code_has_a_text() -> None:
    assert _missing(_all_uses()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "raise BadInput('row.never_written', line=3)",
        "raise errors.Refused('row.never_written')",
        "raise Transient('row.never_written' if early else 'row.never_written')",
        "Rejection(7, 'modtager', 'row.never_written')",
        "done(code='row.never_written')",
        "CODE = 'row.never_written'",
        "CODES = {1: 'row.never_written'}",
        "phrase('never_written')",
        "screen.say('never_written')",
    ],
)
def test_a_code_without_a_text_is_seen(text: str) -> None:
    assert _missing(list(uses(_sample(text)))) != set()


def test_a_code_stands_in_the_file_of_its_family() -> None:
    assert {code: family for code, (family, _) in catalogue().items() if code.split(".")[0] != family} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_says_what_and_what_to_do(language: str) -> None:
    faulty = {
        code
        for code, (family, texts) in catalogue().items()
        for part in (("what",) if family in LABELS else ("what", "do"))
        if not texts.get(language, {}).get(part, "").strip()
    }
    assert faulty == set()


def test_a_text_has_no_other_parts() -> None:
    parts = {part for _, texts in catalogue().values() for text in texts.values() for part in text}
    assert parts <= {"what", "do"}
    assert {language for _, texts in catalogue().values() for language in texts} <= set(LANGUAGES)


def test_both_languages_name_the_same_parameters() -> None:
    unlike = {code for code, (_, texts) in catalogue().items() if _named(texts, "da") != _named(texts, "en")}
    assert unlike == set()


def test_every_parameter_is_a_plain_safe_name() -> None:
    named = {code: _named(texts, "da") for code, (_, texts) in catalogue().items()}
    assert {code for code, names in named.items() if not all(name.isidentifier() for name in names)} == set()
    forbidden = {code: SECRET if code.split(".")[0] in LABELS else PERSONAL for code in named}
    assert {code: names & forbidden[code] for code, names in named.items() if names & forbidden[code]} == {}


def test_whoever_raises_a_code_gives_what_its_text_names() -> None:
    assert _ungiven(_all_uses()) == set()


def test_no_text_is_left_without_a_use() -> None:
    assert _unused(modules()) == set()


def test_a_text_without_a_use_is_seen() -> None:
    assert _unused(()) == set(catalogue())
