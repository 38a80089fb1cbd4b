"""The command that shows who is reachable on which channel before a batch is sent.

Relies on `jobs.enrolment_check` and `jobs.reach_rows`. Numbers are shown masked alone. Sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jobs.commands.context import Context
from jobs.commands.outcome import finish_pass
from jobs.row_files import writing_rows
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_UNREACHED, Screen
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from jobs.enrolment_check import CheckResult, Reached
    from jobs.house import House
    from jobs.reach_rows import ReachRow

ROW_COLUMNS = ("linje", "reference", "modtager", "materiale", "kanal", "svar", "kilde", "kode", "tekst")
_PIECE_BYTES = 1024 * 1024


def check(context: Context, path: Path, source: str | None, material: str | None, out: Path | None) -> int:
    """Looks every row up and tells the totals; the exit code is 1 when somebody is not reached."""
    from jobs.enrolment_check import EnrolmentCheck

    screen = context.screen
    with context.house() as house, context.stopping() as stop:
        n_lines = _count_lines(path)
        rows = _rows(house, path, source, material)
        with (
            writing_rows(out, ROW_COLUMNS) as add,
            screen.bar(screen.text("bar_enrolment_check")) as bar,
        ):
            work = EnrolmentCheck(
                house,
                stop=stop,
                progress=lambda done: bar(done, max(done, n_lines)),
                on_row=lambda found: add(_cells(screen, found)),
            )
            result = work.run(rows)
    _tell(screen, result, out)
    return finish_pass(context, "enrolment check", _data(result), _code(result), stopped=result.stopped)


def _count_lines(path: Path) -> int:
    """Returns about how many rows a file has; raises ConfigurationError when it can't be read."""
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_PIECE_BYTES), b""))
    except OSError as error:
        raise ConfigurationError("usage.cannot_read", why=error.strerror or "") from None


def _rows(house: House, path: Path, source: str | None, material: str | None) -> Iterator[list[ReachRow]]:
    from jobs.reach_rows import read_index, read_numbers

    settings, today = house.settings, _today(house)
    if source is not None:
        if source not in settings.sources:
            raise ConfigurationError("settings.no_source", source=source)
        return read_index(settings, source, path, today)
    if material is None:
        raise ConfigurationError("usage.check_needs_material")
    if material not in settings.materials:
        raise ConfigurationError("usage.no_such_material", materials=", ".join(settings.materials))
    return read_numbers(settings, material, path, today)


def _today(house: House) -> date:
    return house.now().astimezone(ZoneInfo("Europe/Copenhagen")).date()


def _code(result: CheckResult) -> int:
    if result.n_unreached:
        return EXIT_UNREACHED
    return EXIT_ERROR_LIST if result.n_nowhere else EXIT_OK


def _tell(screen: Screen, result: CheckResult, out: Path | None) -> None:
    screen.say("check_rows", n_rows=result.n_rows, n_cached=result.n_cached)
    _tell_counts(
        screen, "col_answer", {screen.text(f"enrolment.{word}"): n for word, n in result.answers.items()}
    )
    nowhere = screen.text("check_no_channel")
    _tell_counts(screen, "col_channel", {name or nowhere: n for name, n in result.channels.items()})
    if out is not None:
        screen.say("see_file", file=out)


def _tell_counts(screen: Screen, key: str, counts: dict[str, int]) -> None:
    rows = [[word, str(n)] for word, n in Counter(counts).most_common()]
    screen.table("", [screen.text(key), screen.text("col_count")], rows)


def _cells(screen: Screen, found: Reached) -> tuple[str, ...]:
    row = found.row
    return (
        str(row.line),
        row.reference,
        row.recipient.number.masked if row.recipient else "",
        row.material,
        found.channel,
        found.answer,
        found.source,
        found.code,
        screen.why(found.code) if found.code else "",
    )


def _data(result: CheckResult) -> dict[str, object]:
    return {
        "rows": result.n_rows,
        "answers": dict(result.answers),
        "channels": {name: n for name, n in result.channels.items() if name},
        "nowhere": result.n_nowhere,
        "cached": result.n_cached,
        "no_answer": result.n_unreached,
    }
