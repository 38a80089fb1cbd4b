"""Says things to a person or a machine: sentences and tables, progress bars, or one JSON object.

Relies on the catalogue for words and on rich, loaded when a table or a bar is drawn. Bars appear on a
terminal only; elsewhere a line every ten seconds. Personal data never comes here; faults, which may repeat a
word that a person typed, are masked all the same.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO
from zoneinfo import ZoneInfo

from schemas.catalogue import Language, explain, phrase
from schemas.errors import Coded
from schemas.identity import mask_numbers

EXIT_OK = 0
EXIT_ERROR_LIST = 1
EXIT_USAGE = 2
EXIT_WAITING = 3
EXIT_UNREACHED = 4
EXIT_INTERRUPTED = 130

LINE_EVERY_SECONDS = 10.0
# Away from a terminal nothing is folded: a batch's id must stay in one piece for whoever searches for it.
UNFOLDED_WIDTH = 400
_SHOW_CURSOR = "\x1b[?25h"
Advance = Callable[[int, int | None], None]


@dataclass(slots=True)
class Screen:
    """Where a command speaks. With `as_json` only `finish` writes, one object on one line."""

    language: Language = "da"
    as_json: bool = False
    quiet: bool = False
    out: TextIO = sys.stdout
    err: TextIO = sys.stderr

    @property
    def talks(self) -> bool:
        """True when a person reads along."""
        return not (self.as_json or self.quiet)

    def text(self, key: str, **params: object) -> str:
        """Returns a sentence of the family `ui`."""
        return phrase(key, self.language, **params)

    def why(self, code: str, params: Mapping[str, object] | None = None) -> str:
        """Returns what a code means and what to do, in one line."""
        return str(explain(code, self.language, params or {}))

    def word(self, state: str) -> str:
        """Returns a state's word, the same one as in the answers; `rejected` counts as a state here."""
        return self.text(f"report.status.{state}")

    def say(self, key: str, **params: object) -> None:
        """Writes a sentence, unless a machine is listening."""
        self.line(self.text(key, **params))

    def line(self, text: str = "") -> None:
        """Writes a line as it is; a terminal gets it wrapped between words."""
        if self.talks:
            self.out.write((_wrapped(text) if self.out.isatty() else text) + "\n")
            self.out.flush()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draws a small table; a narrow terminal gets its last column folded."""
        if not self.talks or not rows:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for number, column in enumerate(columns, start=1):
            table.add_column(column, overflow="fold", no_wrap=number < len(columns))
        for row in rows:
            table.add_row(*row)
        console = Console(file=self.out, highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console.width = UNFOLDED_WIDTH
        console.print(table)

    def moment(self, at: datetime | None, *, seconds: bool = False) -> str:
        """Returns a time as Danes read it, in Danish local time; a dash for none."""
        pattern = "%d-%m-%Y %H:%M:%S" if seconds else "%d-%m-%Y %H:%M"
        return at.astimezone(ZoneInfo("Europe/Copenhagen")).strftime(pattern) if at else "–"

    def fault(self, error: Coded, exit_code: int) -> int:
        """Says what went wrong and what to do, on the error stream, with its stable code."""
        params = {name: _masked(value) for name, value in error.params.items()}
        if self.as_json:
            said = explain(error.code, self.language, params)
            about = {"error": error.code, "what": said.what, "do": said.do, "params": params}
            self._json({**about, "exit_code": exit_code}, self.err)
        else:
            text = f"{self.why(error.code, params)} [{error.code}]"
            self.err.write((_wrapped(text) if self.err.isatty() else text) + "\n")
        return exit_code

    def call_out(self, key: str) -> None:
        """Writes a sentence on the error stream at once, even out of a signal handler; not for machines."""
        if not self.talks:
            return
        text = "\n" + self.text(key) + "\n"
        # Not by way of the stream: its buffer may be in use at the very moment a signal comes.
        with suppress(OSError):
            os.write(self.err.fileno(), text.encode())

    def give_back_cursor(self) -> None:
        """Shows the cursor again that a bar has hidden, for a process that ends without unwinding."""
        with suppress(OSError):
            if self.err.isatty():
                os.write(self.err.fileno(), _SHOW_CURSOR.encode())

    def finish(self, data: Mapping[str, object], exit_code: int) -> int:
        """Ends a command: the JSON object for machines; returns the exit code."""
        if self.as_json:
            self._json({**data, "exit_code": exit_code}, self.out)
        return exit_code

    def _json(self, data: Mapping[str, object], stream: TextIO) -> None:
        stream.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")
        stream.flush()

    @contextmanager
    def bar(self, label: str) -> Iterator[Advance]:
        """Gives a function `advance(done, total)`; total None means that nobody knows yet."""
        if not self.talks:
            yield lambda done, total: None
        elif self.err.isatty():
            with self._rich_bar(label) as advance:
                yield advance
        else:
            yield self._line_bar(label)

    @contextmanager
    def _rich_bar(self, label: str) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(file=self.err)
        with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as progress:
            task = progress.add_task(label, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    def _line_bar(self, label: str) -> Advance:
        last = time.monotonic()

        def advance(done: int, total: int | None) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                self.err.write(f"{label}: {done}" + (f"/{total}\n" if total else "\n"))
                self.err.flush()

        return advance


def _masked(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else mask_numbers(str(value))


def _wrapped(text: str) -> str:
    """Returns the text in lines that fit the terminal; later lines stand under the first one's words.

    A line that is a command stays whole, so that it can be copied.
    """
    from shutil import get_terminal_size

    width = get_terminal_size().columns
    indent = " " * (len(text) - len(text.lstrip()) + (2 if text.startswith(" ") else 0))
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        if len(line) > width and not line.lstrip().startswith("brevdue ")
        else line
        for line in text.split("\n")
    )
