"""The texts read well: Danish in Danish, English in English, whole sentences, and no number of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.rigs.texts import LABELS, LANGUAGES, catalogue

# Words of the one language that are no words of the other.
ENGLISH = {
    "again", "and", "are", "been", "but", "cannot", "does", "file", "from", "has", "is", "it", "line",
    "must", "not", "number", "of", "or", "please", "row", "rows", "should", "than", "that", "the", "this",
    "was", "were", "which", "with", "without", "you", "your",
}  # fmt: skip
DANISH = {
    "af", "blev", "denne", "dette", "eller", "er", "et", "filen", "findes", "har", "igen", "ikke", "kan",
    "linjen", "og", "skal", "som", "til", "uden", "ved",
}  # fmt: skip
# Commands, options, file names, sections of the settings and quoted words are the same in both languages.
_AS_WRITTEN = re.compile(
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|»[^«]*«|“[^”]*”|brevdue \S+|--\S+|\w+-\w+|\[[^\]]*\]|\{[^}]*\}|\S+\.\w+"
)
_PERSON = re.compile(r"\d{6}[-\s]?\d{4}")


def _texts(language: str, *, labels: bool = True) -> Iterator[tuple[str, str]]:
    """Yields the code and each text of one language, with or without phrases and single words."""
    for code, (family, texts) in catalogue().items():
        if labels or family not in LABELS:
            yield from ((code, text) for text in texts.get(language, {}).values())


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", _AS_WRITTEN.sub(" ", text).lower()))


def _whole_sentence(text: str) -> bool:
    first = text.split()[0] if text.split() else "a"
    begins_well = not first[0].islower() or any(sign in first for sign in "._`/")
    return begins_well and text.endswith((".", "!", "?")) and text == text.strip() and "  " not in text


@pytest.mark.parametrize(("language", "foreign"), [("da", ENGLISH), ("en", DANISH)])
def test_no_word_of_the_other_language_is_left(language: str, foreign: set[str]) -> None:
    mixed = {code: _words(text) & foreign for code, text in _texts(language) if _words(text) & foreign}
    assert mixed == {}


def test_english_texts_have_no_danish_letters() -> None:
    plain = {code: _AS_WRITTEN.sub(" ", text) for code, text in _texts("en")}
    assert [code for code, text in plain.items() if re.search("[æøåÆØÅ]", text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_about_a_fault_is_made_of_whole_sentences(language: str) -> None:
    assert [code for code, text in _texts(language, labels=False) if not _whole_sentence(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_shows_a_number_of_a_person(language: str) -> None:
    assert [code for code, text in _texts(language) if _PERSON.search(text)] == []


def test_a_danish_text_is_no_copy_of_the_english_one() -> None:
    texts = {code: texts for code, (family, texts) in catalogue().items() if family not in LABELS}
    assert [code for code, text in texts.items() if text.get("da") == text.get("en")] == []


@pytest.mark.parametrize(
    "text",
    ["filen er tom.", "Filen er tom", " Filen er tom.", "Filen  er tom."],
)
def test_a_broken_sentence_is_seen(text: str) -> None:
    assert not _whole_sentence(text)


def test_a_foreign_word_is_seen_and_a_command_is_not() -> None:
    assert _words("Ret the fejl.") & ENGLISH == {"the"}
    assert _words("Kør `brevdue check` og --from igen, se index.csv og [file].") & ENGLISH == set()
