"""The file of what the simulator received: JSON lines, appended and flushed, readable while it runs.

Relies on the standard library. The file names recipients, so only its owner may read it. Knows no message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from schemas.errors import ConfigurationError


class Journal:
    """An open JSON lines file; raises ConfigurationError when it can't be opened or read."""

    def __init__(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigurationError("simulator.record_unwritable") from error
        self._file: TextIO = os.fdopen(descriptor, "a+", encoding="utf-8")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yields every whole line of the file; a torn last line, left by a kill, is cut off."""
        self._file.seek(0)
        whole_to = 0
        for line in iter(self._file.readline, ""):
            if not line.endswith("\n"):
                break
            try:
                yield json.loads(line)
            except ValueError:
                raise ConfigurationError("simulator.record_unreadable") from None
            whole_to = self._file.tell()
        self._file.seek(whole_to)
        self._file.truncate()

    def write(self, line: dict[str, Any]) -> None:
        """Appends a line and hands it to the operating system at once."""
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def empty(self) -> None:
        """Makes the file empty."""
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
