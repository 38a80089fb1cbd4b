"""The verb pull: takes every sealed drop of every source, and finishes what a crash left half taken.

Relies on `batch` for the taking and the intake. One pull at a time works on a source. Sends nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.answers import answer_batch, answer_refusal
from jobs.house import House
from jobs.ownership import in_turn, only_one
from jobs.redaction import name_or_hidden
from schemas.errors import Coded, ConfigurationError, ServiceDown
from schemas.identity import mask_numbers
from schemas.settings import SourceSettings

if TYPE_CHECKING:
    from batch.drop_folder import TakenDrop
    from batch.drop_strays import Stray
    from batch.intake import Taken
    from batch.quarantine import DropRefused

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A drop that was refused whole: its id in `karantaene/`, the first reason, and where the answer lies.

    `name` is its own name with every number masked.
    """

    source: str
    batch_id: str
    code: str
    params: dict[str, object]
    answer: Path | None
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PullResult:
    """What one pass took in and what it refused; `busy` sources were being pulled by another process.

    `answers` says where the answer of a taken batch lies, `strays` what lies still in the inbox of each
    source that was worked off. `fault` is the first reason why a source could not be worked off or an answer
    not be written.
    """

    taken: tuple[Taken, ...] = ()
    refused: tuple[Refusal, ...] = ()
    busy: tuple[str, ...] = ()
    strays: Mapping[str, tuple[Stray, ...]] = field(default_factory=dict)
    answers: Mapping[str, Path] = field(default_factory=dict)
    fault: Coded | None = None


class Pull:
    """One pass over the sources; `progress` hears (rows done, rows in all) of the drop at hand."""

    def __init__(
        self,
        house: House,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self._house = house
        self._stop = stop
        self._progress = progress
        self._taken: list[Taken] = []
        self._refused: list[Refusal] = []
        self._busy: list[str] = []
        self._strays: dict[str, tuple[Stray, ...]] = {}
        self._answers: dict[str, Path] = {}
        self._fault: Coded | None = None

    def run(self, source: str | None = None) -> PullResult:
        """Takes in what is sealed at one source, or at all; an unknown source is a ConfigurationError.

        A source that can't be worked off stops no other: its fault stands in the result.
        """
        names = [source] if source else list(self._house.settings.sources)
        # What is wrong with the house itself is no fault of a source: it is raised.
        _ = [self._settings(name) for name in names], self._house.ledger
        for name in names:
            if self._stop():
                break
            try:
                self._pull_source(name)
            except OSError as error:
                self._note(ServiceDown("program.disk_failed", why=error.strerror or type(error).__name__))
            except (ConfigurationError, ServiceDown) as error:
                self._note(error)
        return self._result()

    def run_csv(self, source: str, csv: Path, documents: Path | None) -> PullResult:
        """Takes a batch straight from a CSV; the user's own files stay where they are.

        Waits while another process pulls the source: two batches taken side by side could not see that they
        hold the same letter. When `stop` comes meanwhile, nothing was taken and nothing refused.
        """
        settings = self._settings(source)
        from batch.drop_folder import make_batch_id, prepare_folders

        prepare_folders(settings.folder)
        with in_turn(self._lock_path(source), self._stop) as ours:
            batch_id = make_batch_id(self._house.now())
            if ours:
                self._take(
                    source,
                    batch_id,
                    csv.name,
                    lambda: self._house.intake.take_csv(
                        source, csv, documents, batch_id=batch_id, progress=self._progress
                    ),
                )
        return self._result()

    def _lock_path(self, source: str) -> Path:
        return self._house.lock_path(f"pull-{source}")

    def _result(self) -> PullResult:
        return PullResult(
            tuple(self._taken),
            tuple(self._refused),
            tuple(self._busy),
            self._strays,
            self._answers,
            self._fault,
        )

    def _note(self, fault: Coded) -> None:
        self._fault = self._fault or fault

    def _settings(self, source: str) -> SourceSettings:
        if source not in self._house.settings.sources:
            raise ConfigurationError("settings.no_source", source=name_or_hidden(source))
        return self._house.settings.sources[source]

    def _pull_source(self, name: str) -> None:
        from batch.drop_folder import prepare_folders

        settings = self._settings(name)
        prepare_folders(settings.folder)
        try:
            with only_one(self._lock_path(name), "pull.busy", source=name):
                self._pull_alone(name, settings)
        except ConfigurationError as error:
            if error.code != "pull.busy":
                raise
            self._busy.append(name)

    def _pull_alone(self, name: str, settings: SourceSettings) -> None:
        from batch.drop_folder import find_sealed, make_batch_id, resume, take
        from batch.drop_strays import find_strays

        for left in resume(name, settings, self._house.ledger.has_batch):
            self._take_in(name, left)
        self._answer_late(name, settings)
        for drop in find_sealed(name, settings, now=self._house.now):
            if self._stop():
                return
            taken = take(drop, make_batch_id(self._house.now()))
            if taken is not None:
                self._take_in(name, taken)
        self._strays[name] = tuple(find_strays(name, settings, self._house.now()))

    def _answer_late(self, name: str, settings: SourceSettings) -> None:
        """Writes the answers of refused drops that a crash left without one."""
        from batch.quarantine import find_refusals
        from batch.reports import was_answered

        for refusal in find_refusals(settings.folder):
            if not was_answered(settings.folder / "kvittering", refusal.batch_id):
                self._answer(partial(answer_refusal, self._house, name, refusal.batch_id, refusal.rejections))

    def _take_in(self, source: str, taken: TakenDrop) -> None:
        self._take(
            source,
            taken.batch_id,
            taken.name,
            lambda: self._house.intake.take_in(source, taken, self._progress),
        )

    def _take(self, source: str, batch_id: str, name: str, work: Callable[[], Taken]) -> None:
        from batch.quarantine import DropRefused

        try:
            taken = work()
        except DropRefused as refused:
            self._refused.append(self._refusal(source, batch_id, name, refused))
            return
        self._taken.append(taken)
        answer = self._answer(lambda: answer_batch(self._house, taken.batch_id))
        if answer is not None:
            self._answers[taken.batch_id] = answer

    def _answer(self, write: Callable[[], Path | None]) -> Path | None:
        """Writes an answer; one that can't be written now is written by a later pass, and stops no drop."""
        try:
            return write()
        except ConfigurationError as error:
            self._note(error)
            return None

    def _refusal(self, source: str, batch_id: str, name: str, refused: DropRefused) -> Refusal:
        first = refused.rejections[0]
        answer = self._answer(lambda: answer_refusal(self._house, source, batch_id, refused.rejections))
        # A name in an unknown character set can't be written to a terminal or into JSON.
        shown = mask_numbers(os.fsencode(name).decode("utf-8", "replace"))
        return Refusal(source, batch_id, first.code, dict(first.params), answer, shown)
