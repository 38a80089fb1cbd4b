"""The texts of a material's mails: its own files, or those that travel with the code.

Relies on files named in the settings. A placeholder is one of `PLACEHOLDERS` in braces; any other is a fault
of our set-up, told before anything is sent. Nothing in a value is looked into again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import ConfigurationError
from schemas.mail_settings import MaterialMail

PLACEHOLDERS = frozenset({"titel", "navn", "afsender", "reference"})
MAX_TEXT_BYTES = 64 * 1024
_TEMPLATES = Path(__file__).parent / "templates"
_LANGUAGES = {"da": ("da",), "en": ("en",), "both": ("da", "en")}
_PLACE = re.compile(r"\{([^{}\n]*)\}")


@dataclass(frozen=True, slots=True)
class Texts:
    """A material's texts by language, the first one on top, and what stands in the subject inside."""

    by_language: tuple[tuple[str, str], ...] = field(repr=False)
    subject: str

    def filled(self, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Returns the texts with their placeholders filled."""
        return tuple((language, fill(text, values)) for language, text in self.by_language)


def load_texts(mail: MaterialMail) -> Texts:
    """Returns a material's texts.

    Raises ConfigurationError `mail.text_unreadable` or `mail.text_placeholder`, with the file.
    """
    own = {"da": mail.text_da, "en": mail.text_en}
    texts = []
    for language in _LANGUAGES[mail.language]:
        path = own[language] or _TEMPLATES / f"{language}.txt"
        texts.append((language, _checked(_read(path), path.name)))
    subject = mail.protected_subject or mail.subject
    return Texts(tuple(texts), _checked(subject, "protected_subject"))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Returns a text with its placeholders filled; a value's own braces stay as they are."""
    return _PLACE.sub(lambda found: values.get(found[1], ""), text)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise ConfigurationError("mail.text_unreadable", file=path.name)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("mail.text_unreadable", file=path.name) from None


def _checked(text: str, file: str) -> str:
    unknown = sorted(set(_PLACE.findall(text)) - PLACEHOLDERS)
    if unknown:
        raise ConfigurationError("mail.text_placeholder", file=file, place=unknown[0][:40])
    return text
