"""A mailbox of reports: a maildir, or a mailbox file that is emptied into one.

Relies on `report_text` and on the file system. Three channels share it, and each asks for its own mails. A
report is marked when it has been handed out (flag P), read again for a while in case nobody wrote it down,
and then left alone (S). What is no report is set aside (F) and kept for a person. Deletes no mail.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from routing.mail.mbox import empty_into
from routing.mail.report_text import MAX_BYTES, Report, read_report
from schemas.errors import ConfigurationError

HANDED_OUT, DONE, ASIDE = "P", "S", "F"
AGAIN = timedelta(hours=6)
"""So long a report that was handed out is handed out again to whoever still waits for it."""
UNASKED = timedelta(days=14)
"""So long a report waits for somebody to ask for it: it may come before the acceptance is written down."""
MAX_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class _Filed:
    """A file of the maildir: where it lies, its name without flags, and its flags."""

    path: Path
    name: str
    flags: str


class ReportBox:
    """Reports in `path`; what has been read is remembered, so that asking again costs little.

    Raises ConfigurationError `report.box_missing` or `report.box_unreadable`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Report] = {}
        if not path.exists():
            raise ConfigurationError("report.box_missing")
        if path.is_dir() and not ((path / "new").is_dir() and (path / "cur").is_dir()):
            raise ConfigurationError("report.box_missing")

    def reports(self, awaited: Collection[str], now: datetime) -> list[Report]:
        """Returns the reports about these message ids; the same may come again, and must do no harm."""
        wanted = frozenset(awaited)
        try:
            folder = self._maildir()
            return [report for one in _unread(folder) for report in self._look(one, wanted, now)]
        except OSError as error:
            raise ConfigurationError("report.box_unreadable") from error

    def _maildir(self) -> Path:
        if self._path.is_dir():
            return self._path
        folder = self._path.with_name(f"{self._path.name}.reports")
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        empty_into(self._path, folder)
        return folder

    def _look(self, one: _Filed, wanted: frozenset[str], now: datetime) -> Iterator[Report]:
        try:
            report = self._report(one)
            age = now.timestamp() - one.path.stat().st_ctime
        except FileNotFoundError:
            return  # somebody else has moved it on
        except (ValueError, LookupError, RecursionError, AttributeError, TypeError):
            _flag(one, ASIDE)  # whatever the parser of mails stumbles over is no report
            return
        if report.kind is None:
            _flag(one, DONE)
        elif report.message_id in wanted:
            _flag(one, HANDED_OUT)
            yield report
        elif age > (AGAIN if HANDED_OUT in one.flags else UNASKED).total_seconds():
            _flag(one, DONE)

    def _report(self, one: _Filed) -> Report:
        if one.name not in self._read:
            with one.path.open("rb") as file:
                self._read[one.name] = read_report(file.read(MAX_BYTES))
        return self._read[one.name]


def _unread(folder: Path) -> list[_Filed]:
    """Returns what is still to be looked at, the oldest names first."""
    found = [_Filed(path, path.name, "") for path in _files(folder / "new")]
    for path in _files(folder / "cur"):
        name, _, flags = path.name.partition(":2,")
        if DONE not in flags and ASIDE not in flags:
            found.append(_Filed(path, name, flags))
    return sorted(found, key=lambda one: one.name)[:MAX_AT_ONCE]


def _files(folder: Path) -> Iterator[Path]:
    """Yields the plain files of a folder: no links, and nothing that starts with a dot."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                yield Path(entry.path)


def _flag(one: _Filed, flag: str) -> None:
    """Moves a file to `cur` under its flags, as maildirs do; one that has the flag stays where it is."""
    if flag in one.flags:
        return
    flags = "".join(sorted({*one.flags, flag}))
    with suppress(FileNotFoundError):  # somebody else has moved it on
        one.path.rename(one.path.parent.parent / "cur" / f"{one.name}:2,{flags}")
