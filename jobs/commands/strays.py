"""Tells a person what lies still in the inboxes and will not be taken, for `pull`, `status` and `check`.

Relies on `batch.drop_strays` for the finding. Changes no exit code: it is a warning. Shows no file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.screen import Screen
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from batch.drop_strays import Stray
    from jobs.house import House


def strays_in(house: House) -> list[Stray]:
    """Returns what lies still in every inbox that can be read; `check` says which can't."""
    from batch.drop_strays import find_strays

    found: list[Stray] = []
    for name, settings in house.settings.sources.items():
        try:
            found += find_strays(name, settings, house.now())
        except ConfigurationError:
            continue
    return found


def tell_strays(screen: Screen, strays: Sequence[Stray]) -> None:
    """Says each warning with what to do."""
    for stray in strays:
        screen.line(f" ! {screen.why(stray.code, stray.params)} [{stray.code}]")


def strays_data(strays: Sequence[Stray]) -> list[dict[str, object]]:
    """Returns the warnings as machines read them: no part of a name."""
    return [{"source": one.source, "code": one.code, "n_files": one.n_files} for one in strays]
