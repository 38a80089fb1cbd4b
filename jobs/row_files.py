"""Writes a list of rows for people beside their work: a CSV of ours, whole or not at all.

Form as in the answers (design 8.2): `;`, UTF-8 with BOM, CRLF, nothing that a spreadsheet would run. Relies
on `batch.reports.neutral`. The caller masks numbers; masking is done once more here, for what a sender wrote.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from schemas.errors import ConfigurationError

AddRow = Callable[[Sequence[str]], None]


@contextmanager
def writing_rows(path: Path | None, columns: Sequence[str]) -> Iterator[AddRow]:
    """Gives a function that adds a row; at the end the file stands there for its owner alone.

    Without a path it does nothing. When the work inside fails there is no file. Raises ConfigurationError
    `usage.cannot_write`.
    """
    if path is None:
        yield lambda row: None
        return
    from batch.reports.neutral import masked, neutralised

    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError("usage.cannot_write", why=error.strerror or "") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", errors="replace", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
            writer.writerow(columns)
            yield lambda row: writer.writerow([neutralised(masked(cell)) for cell in row])
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
