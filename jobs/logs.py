"""Writes the house's log: one JSON object a line, in UTC, with nothing of a person in it.

Relies on structlog for the lines and on `jobs.redaction` for what may stand in them. While a log is open,
everything else that speaks in this process ends in it too, without its words: other libraries' records (from
WARNING up, their texts may hold addresses and values), warnings, and errors that nobody caught. Does not turn
the file over: a rotating program renames it and sends SIGHUP, and `HouseLog.reopen` goes on in a new one.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO

from jobs.redaction import describe_error, place, redact
from schemas.errors import ConfigurationError

# Known to talk: about URLs, statements with values, or every tick.
TALKERS = ("aiohttp", "alembic", "apscheduler", "asyncio", "httpcore", "httpx", "sqlalchemy", "watchfiles")

Fields = MutableMapping[str, Any]


class Log(Protocol):
    """What the jobs need of a logger: an event of `jobs.redaction.EVENTS` and its fields."""

    def debug(self, event: str, **fields: object) -> Any: ...
    def info(self, event: str, **fields: object) -> Any: ...
    def warning(self, event: str, **fields: object) -> Any: ...
    def error(self, event: str, **fields: object) -> Any: ...


class LogLines:
    """The place the lines go: a file that can be opened anew, or the error stream when `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # Written to from a signal's thread too: a thread may already be writing when it interrupts itself.
        self._lock = threading.RLock()
        self._stream = self._open()

    def reopen(self) -> None:
        """Goes on in a new file of the same name; stays with the old one when that fails."""
        with self._lock:
            try:
                fresh = self._open()
            except ConfigurationError:
                return
            self.close()
            self._stream = fresh

    def write(self, line: str) -> None:
        """Writes one line. A full disk must not stop payslips: a line that can't be written is lost."""
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        with self._lock, suppress(OSError):
            if self._path is not None:
                self._stream.close()

    def _open(self) -> TextIO:
        if self._path is None:
            return sys.stderr
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError("run.no_log_file", why=type(error).__name__) from None
        return os.fdopen(descriptor, "a", encoding="utf-8")

    debug = info = warning = error = critical = exception = msg = write


@contextmanager
def open_log(
    path: Path | None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[tuple[Log, LogLines]]:
    """Opens the log for the block: a logger and its lines. Raises ConfigurationError `run.no_log_file`."""
    lines = LogLines(path)
    log = make_log(lines, now)
    try:
        with _everything_else_to(log):
            yield log, lines
    finally:
        lines.close()


def make_log(lines: LogLines, now: Callable[[], datetime]) -> Log:
    """Returns a logger that writes redacted JSON lines of level INFO and up."""
    import structlog

    def hide(logger: object, method: str, fields: Fields) -> Fields:
        error = _error_of(fields.pop("exc_info", None))
        fields.pop("stack_info", None)
        if error is not None:
            fields.update(describe_error(error))
        shown = redact(fields)
        return {"at": f"{now().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z", "level": method, **shown}

    log: Log = structlog.wrap_logger(
        lines,
        processors=[hide, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return log


def _error_of(told: object) -> BaseException | None:
    """Returns the error that an `exc_info` means: an error, a triple, or True for the one at hand."""
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple):
        return next((part for part in told if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if told else None


class _Bridge(logging.Handler):
    """Takes the records of other libraries: who spoke and where in the code, never what was said."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        speak = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        error = _error_of(record.exc_info)
        said = describe_error(error) if error else {}
        speak("library.message", logger=record.name, where=place(record.pathname, record.lineno), **said)


@contextmanager
def _everything_else_to(log: Log) -> Iterator[None]:
    with _records_to(log), _warnings_to(log), _crashes_to(log):
        yield


@contextmanager
def _records_to(log: Log) -> Iterator[None]:
    root, raising = logging.getLogger(), logging.raiseExceptions
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *TALKERS)}
    root.handlers[:] = [_Bridge(log)]
    # When a record does not fit its own arguments the library would print both on the error stream.
    logging.raiseExceptions = False
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.handlers[:], logging.raiseExceptions = handlers, raising
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _warnings_to(log: Log) -> Iterator[None]:
    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        log.warning("python.warning", kind=category.__name__, where=place(filename, lineno))

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextmanager
def _crashes_to(log: Log) -> Iterator[None]:
    """Errors nobody caught: Python would print them with their message."""

    def crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        log.error("process.crashed", **(describe_error(error) if error else {"error": kind.__name__}))

    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = crashed
    threading.excepthook = lambda told: crashed(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: crashed(told.exc_type, told.exc_value, told.exc_traceback)
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
