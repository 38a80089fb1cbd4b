"""Reads `brevdue.toml` and the environment into typed settings, and reports all faults at once.

Relies on pydantic-settings. Environment variables named `BREVDUE_<TABLE>__<KEY>` win over the file; relative
paths count from the file's folder. Checks the shape only: whether keys and certificates are good is for
`brevdue check`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.catalogue import Language, family, phrase
from schemas.errors import ConfigurationError
from schemas.section import Section
from schemas.setting_faults import HOUSE_RULE, told_faults
from schemas.settings import KINDS, Settings

FILE_NAME = "brevdue.toml"

# pydantic's kinds of fault that people are told in the same words.
_ALIKE = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "whole_number"),
    **dict.fromkeys(("float_parsing", "float_type"), "number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "yes_or_no"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "table"),
    **dict.fromkeys(("string_type", "path_type"), "text"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "list"),
}


class _FromEnvironment(Settings, BaseSettings):
    """The same settings, filled from the file's values (init) and overridden by the environment."""

    model_config = SettingsConfigDict(
        env_prefix="BREVDUE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def read_settings(path: Path, language: Language = "en") -> Settings:
    """Returns the settings of a file, paths made absolute; faults are worded in `language`.

    Raises ConfigurationError: `settings.missing`, `settings.not_toml` (with line and column) or
    `settings.invalid`, whose parameter `faults` names every wrong key with its reason, never its value.
    """
    return settings_of(_read_toml(path), path, language)


def settings_of(values: Mapping[str, Any], path: Path, language: Language = "en") -> Settings:
    """Returns the settings that a file at `path` with these values would give; raises as `read_settings`."""
    path = path.absolute()
    try:
        settings = _FromEnvironment(**values)
    except ValidationError as error:
        raise ConfigurationError(
            "settings.invalid", file=path.name, faults=_faults(error, language)
        ) from None
    return anchor(settings, path.parent)


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError("settings.missing", file=path.name) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("settings.not_toml", file=path.name, where=str(error)) from None
    except OSError as error:
        raise ConfigurationError("settings.unreadable", file=path.name, why=error.strerror) from None


def _faults(error: ValidationError, language: Language) -> str:
    rows = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{_place(row['loc'])}: {_reason(row, language)}" for row in rows)


def _reason(row: ErrorDetails, language: Language) -> str:
    """Returns what is wrong in our own words, in pydantic's (which are English) where we have none."""
    if row["type"] == HOUSE_RULE:
        return told_faults(row["ctx"]["faults"], language)
    key = f"setting.{_ALIKE.get(row['type'], row['type'])}"
    if f"ui.{key}" not in family("ui"):
        return row["msg"]
    limits = {name: str(limit).replace(" or ", ", ") for name, limit in row.get("ctx", {}).items()}
    return phrase(key, language, **limits)


def _place(loc: tuple[int | str, ...]) -> str:
    """Returns where a fault is, as the file is written: a channel's kind is no table of its own."""
    if loc[:1] == ("channels",) and loc[2:3] and loc[2] in KINDS:
        loc = (*loc[:2], *loc[3:])
    return ".".join(str(part) for part in loc) or "file"


def anchor(settings: Settings, base: Path) -> Settings:
    """Returns the settings with every relative path counted from `base`, however deep it stands."""
    # Of the plain class, so that nothing reads the environment again.
    return Settings.model_construct(
        **{name: _anchored(getattr(settings, name), base) for name in Settings.model_fields}
    )


def _anchored(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return base / value
    if isinstance(value, tuple):
        return tuple(_anchored(one, base) for one in value)
    if isinstance(value, dict):
        return {key: _anchored(one, base) for key, one in value.items()}
    if isinstance(value, Section):
        values = {name: getattr(value, name) for name in type(value).model_fields}
        moved = {name: _anchored(one, base) for name, one in values.items()}
        return value.model_copy(update={name: one for name, one in moved.items() if one != values[name]})
    return value
