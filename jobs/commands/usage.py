"""Turns what typer says of a wrong command line into our own words, without repeating what was typed.

Somebody may have typed a CPR number, a name or a title in the wrong place: only the names of our own
commands, options and arguments are said. Relies on typer's errors by their kind.
"""

from __future__ import annotations

import re
from typing import Any

import typer

from schemas.errors import ConfigurationError

_OPTION = re.compile(r"--?[a-z-]+")


def explain_usage(error: typer.TyperException) -> ConfigurationError:
    """Returns the error of ours for one of typer's."""
    context: Any = getattr(error, "ctx", None)
    command = _path(context)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "NoSuchOption" in kinds:
        return ConfigurationError("usage.no_such_option", command=command)
    if "BadOptionUsage" in kinds:
        return ConfigurationError("usage.option_value", option=_option(error))
    if "MissingParameter" in kinds:
        return ConfigurationError("usage.missing", command=command, parameter=_parameter(error))
    if "BadParameter" in kinds:
        return ConfigurationError("usage.bad_value", command=command, parameter=_parameter(error))
    if (names := getattr(getattr(context, "command", None), "commands", None)) is not None:
        before = "" if context.parent is None else f"{context.command_path} "
        return ConfigurationError(
            "usage.no_such_command", commands=", ".join(f"{before}{name}" for name in names)
        )
    return ConfigurationError("usage.wrong", command=command)


def _path(context: Any) -> str:
    return str(context.command_path) if context is not None else "brevdue"


def _option(error: typer.TyperException) -> str:
    """Returns the option's name; typer tells the value's lack only of an option that it knows."""
    typed = str(getattr(error, "option_name", ""))
    return typed if _OPTION.fullmatch(typed) else "--…"


def _parameter(error: typer.TyperException) -> str:
    """Returns an option by its long name, an argument by what stands for it in the help."""
    parameter: Any = getattr(error, "param", None)
    names = [name for name in getattr(parameter, "opts", ()) if name.startswith("--")]
    return names[0] if names else str(getattr(parameter, "metavar", None) or "?")
