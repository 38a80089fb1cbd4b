"""Says things to a person or a machine: sentences and tables, progress bars, or one JSON object.

Relies on the catalogue for words and on rich, loaded when a table or a bar is drawn. Bars appear on a
terminal only; elsewhere a line every ten seconds. Personal data never comes here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO
from zoneinfo import ZoneInfo

from schemas.catalogue import Language, explain, phrase
from schemas.errors import Coded

EXIT_OK = 0
EXIT_ERROR_LIST = 1
EXIT_USAGE = 2
EXIT_WAITING = 3
EXIT_UNREACHED = 4

LINE_EVERY_SECONDS = 10.0
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
        return not (self.as_json or self.quiet)

    def text(self, key: str, **params: object) -> str:
        """Returns a sentence of the family `ui`."""
        return phrase(key, self.language, **params)

    def why(self, code: str, params: Mapping[str, object] | None = None) -> str:
        """Returns what a code means and what to do, in one line."""
        return str(explain(code, self.language, params or {}))

    def say(self, key: str, **params: object) -> None:
        """Writes a sentence, unless a machine is listening."""
        self.line(self.text(key, **params))

    def line(self, text: str = "") -> None:
        if self.talks:
            self.out.write(text + "\n")
            self.out.flush()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draws a small table; narrow terminals fold long cells."""
        if not self.talks or not rows:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console = Console(file=self.out, highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console.width = 140
        console.print(table)

    def moment(self, at: datetime | None) -> str:
        """Returns a time as Danes read it, in Danish local time; a dash for none."""
        return f"{at.astimezone(ZoneInfo('Europe/Copenhagen')):%d-%m-%Y %H:%M}" if at else "–"

    def fault(self, error: Coded) -> None:
        """Says what went wrong and what to do, on the error stream, with its stable code."""
        if self.as_json:
            said = explain(error.code, self.language, error.params)
            self._json(
                {"error": error.code, "what": said.what, "do": said.do, "params": error.params}, self.err
            )
        else:
            self.err.write(f"{self.why(error.code, error.params)} [{error.code}]\n")

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
        with Progress(*columns, console=Console(file=self.err)) as progress:
            task = progress.add_task(label, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    def _line_bar(self, label: str) -> Advance:
        last = time.monotonic()

        def advance(done: int, total: int | None) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                self.err.write(f"{label}: {done}" + (f"/{total}\n" if total else "\n"))

        return advance
