"""Writes tables into `brevdue.toml` so that everything that stands there stays, comments and all.

The only module that imports tomlkit. Relies on `settings_of` to judge the result before it takes the old
file's place, by one rename. Decides nothing about what is written.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.onboarding.private_files import sync_folder
from jobs.settings_file import settings_of
from schemas.catalogue import Language
from schemas.errors import ConfigurationError
from schemas.settings import Settings

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What the settings would become: the whole text, the new keys, and those that say otherwise now."""

    before: bytes
    text: str
    added: tuple[Key, ...]
    differing: tuple[Key, ...]

    @property
    def changes(self) -> bool:
        """True when the text is another than the file's."""
        return self.text.encode() != self.before


def draft(path: Path, tables: Mapping[str, Any], replace: frozenset[Key] = frozenset()) -> Draft:
    """Returns the settings with the tables in them; a value that differs is changed only if in `replace`.

    Raises ConfigurationError as `read_settings` does for a file that can't be read.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        before = path.read_bytes()
        document = tomlkit.parse(before.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError("settings.unreadable", file=path.name, why=error.strerror) from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigurationError("settings.not_toml", file=path.name, where=str(error)) from None
    added: list[Key] = []
    differing: list[Key] = []
    for key, value in _leaves(tables):
        found = _look(document, key)
        if found is None:
            _put(document, key, value)
            added.append(key)
        elif found != value:
            differing.append(key)
            if key in replace:
                _put(document, key, value)
    return Draft(before, tomlkit.dumps(document), tuple(added), tuple(differing))


def write_draft(path: Path, made: Draft) -> Settings:
    """Puts a draft in the file's place and returns the settings it holds.

    Raises ConfigurationError when the result would be no good settings, `onboarding.settings_changed` when
    the file has changed since the draft, or `settings.not_writable`; the file then stands as it was.
    """
    settings = planned(path, made)
    path = path.resolve()
    fresh = _written(path, made)
    try:
        if path.read_bytes() != made.before:
            raise ConfigurationError("onboarding.settings_changed", file=path.name)
        fresh.replace(path)
        sync_folder(path.parent)
        return settings
    except OSError as error:
        raise ConfigurationError("settings.not_writable", file=path.name, why=error.strerror) from None
    finally:
        fresh.unlink(missing_ok=True)


def planned(path: Path, made: Draft, language: Language = "en") -> Settings:
    """Returns the settings a draft holds, with nothing written; raises ConfigurationError."""
    return settings_of(tomllib.loads(made.text), path, language)


def _written(path: Path, made: Draft) -> Path:
    """Writes the draft beside the file, with the file's own mode."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.text.encode())
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigurationError("settings.not_writable", file=path.name, why=error.strerror) from None
    return fresh


def _leaves(table: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _look(document: Mapping[str, Any], key: Key) -> Any:
    """Returns the plain value at a key; None when there is none."""
    found: Any = document
    for name in key:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found.unwrap() if hasattr(found, "unwrap") else found


def _put(document: MutableMapping[str, Any], key: Key, value: Any) -> None:
    import tomlkit

    table: Any = document
    for depth, name in enumerate(key[:-1]):
        if name not in table:
            # `[channels]` itself is not written: only `[channels.<name>]` is.
            table[name] = tomlkit.table(is_super_table=depth == 0)
        table = table[name]
    table[key[-1]] = value
