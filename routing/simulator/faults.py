"""The faults that are in force: those it was started with, and those of a file that may be written meanwhile.

Relies on `settings` for what can be said. The file `faults.json` in the simulator's folder holds a list of
rules; when it changes, its rules take the place of all before, and their counts begin anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from routing.simulator.settings import FaultKind, FaultRule

FILE_NAME = "faults.json"
_RULES: TypeAdapter[list[FaultRule]] = TypeAdapter(list[FaultRule])


class Faults:
    """Rules with their counts; `n_bad_files` says how often the file could not be read as rules."""

    def __init__(self, folder: Path, rules: Sequence[FaultRule]) -> None:
        self._path = folder / FILE_NAME
        self._look: tuple[int, int] | None = None
        self._put(rules)
        self.n_bad_files = 0

    def due(self, kind: FaultKind, domain: str, at: str = "") -> FaultRule | None:
        """Returns the rule that this chance meets, and counts it."""
        self._refresh()
        met = None
        for number, rule in enumerate(self._rules):
            if rule.kind != kind or rule.domain not in (None, domain) or (at and rule.at != at):
                continue
            self._seen[number] += 1
            turn = self._seen[number] - rule.after
            if met is None and turn > 0 and (rule.count is None or turn <= rule.count):
                met = rule
        return met

    def _put(self, rules: Sequence[FaultRule]) -> None:
        self._rules = list(rules)
        self._seen = [0] * len(self._rules)

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except OSError:
            return
        look = stat.st_mtime_ns, stat.st_size
        if look == self._look:
            return
        self._look = look
        try:
            self._put(_RULES.validate_json(self._path.read_bytes()))
        except (OSError, ValidationError):
            self.n_bad_files += 1
