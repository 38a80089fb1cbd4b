"""The command line `brevdue`: finds the settings, runs one command and turns its outcome into an exit code.

Relies on typer and on the modules in `jobs.commands`, which load the heavy parts when they run, so that
`brevdue --help` answers at once. Holds no work of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from jobs.screen import EXIT_INTERRUPTED, EXIT_UNREACHED, EXIT_USAGE, Screen
from schemas.catalogue import Language
from schemas.errors import BadInput, ConfigurationError, ServiceDown

FLAGS = {"--json": "json", "--quiet": "quiet", "-q": "quiet"}
VALUES = {"--sprog": "language", "--settings": "settings"}
EXIT_BROKEN_PIPE = 141  # what a shell shows for a program that nobody listens to any more


def split_common(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Takes the options that every command knows out of the arguments, wherever they stand.

    Returns them by name, and the rest in order; a missing value is empty. Everything after `--` is left
    alone.
    """
    common: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name, has_value, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word in FLAGS:
            common[FLAGS[word]] = "1"
        elif name in VALUES:
            common[VALUES[name]] = value if has_value else next(words, "")
        else:
            rest.append(word)
    return common, rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code (design 8.4)."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns its exit code. Errors for people go to the error stream."""
    common, rest = split_common(arguments)
    given = common.get("language", os.environ.get("BREVDUE_SPROG") or None)
    language = "da" if given is None else given
    screen = Screen(
        language=cast(Language, language if language in ("da", "en") else "da"),
        as_json="json" in common,
        quiet="quiet" in common,
        out=sys.stdout,
        err=sys.stderr,
    )
    if language not in ("da", "en"):
        return screen.fault(ConfigurationError("settings.no_language"), EXIT_USAGE)
    if common.get("settings") == "":
        return screen.fault(ConfigurationError("usage.option_value", option="--settings"), EXIT_USAGE)
    settings = Path(common.get("settings") or os.environ.get("BREVDUE_SETTINGS") or "brevdue.toml")
    return _guarded(screen, settings, rest, language_given=given is not None)


def _guarded(screen: Screen, settings: Path, rest: list[str], *, language_given: bool) -> int:
    from jobs.commands.context import Context
    from jobs.commands.tree import run_tree

    try:
        return run_tree(Context(screen, settings, language_given), rest)
    except (ConfigurationError, BadInput) as error:
        return screen.fault(error, EXIT_USAGE)
    except ServiceDown as error:
        return screen.fault(error, EXIT_UNREACHED)
    except KeyboardInterrupt:
        screen.call_out("interrupted_now")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except (
        Exception
    ) as error:  # a bug, or a disk that failed: its message may hold anything, so it is not shown
        return screen.fault(_unforeseen(error), EXIT_UNREACHED)


def _unforeseen(error: Exception) -> ServiceDown:
    """Returns what may be said of an error that nobody foresaw: its kind and where it came up."""
    from jobs.redaction import describe_error

    if isinstance(error, OSError) and error.strerror:
        return ServiceDown("program.disk_failed", why=error.strerror)
    places = describe_error(error).get("frames")
    where = places[-1] if isinstance(places, list) and places else "?"
    return ServiceDown("program.broken", kind=type(error).__name__, where=where)


if __name__ == "__main__":
    main()
