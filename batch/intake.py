"""Takes a drop in: judges it, encrypts every file of it, records it, and only then lets the originals go.

Relies on `batch.intake_run` for the rows, on the ledger for the one transaction that makes the batch real,
and on the work folder for everything interim. Finds no drops (`batch.drop_folder`) and sends nothing. A
crash at any moment leaves either a drop in `arbejde/` whose intake starts anew, or a recorded batch whose
folder is only cleaned up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from batch.drop_contents import CsvContents, DropContents, FolderContents
from batch.drop_folder import TakenDrop, make_batch_id, prepare_folders
from batch.drop_zip import ZipContents
from batch.failpoints import failpoint
from batch.intake_draft import BatchDraft
from batch.intake_run import Desk, IntakeRun, Progress
from batch.intake_verdict import judge_batch
from batch.quarantine import DropRefused, as_rejection, quarantine
from batch.records import KeptFile, NewBatch, NewConsignment, NewRejection
from batch.work_folder import WorkFolder
from schemas.consignments import NOTHING
from schemas.errors import BadInput, ConfigurationError
from schemas.identity import mask_numbers
from schemas.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from batch.inspection_frames import Inspection, InspectionRequest
    from batch.rows import JudgedRow
    from batch.vault import Vault

_DENMARK = ZoneInfo("Europe/Copenhagen")


class IntakeLedger(Protocol):
    """What the intake asks of the ledger."""

    def batch_by_fingerprint(self, source: str, fingerprint: str) -> str | None: ...

    def sent_before(self, source: str, content_keys: list[str]) -> dict[str, str]: ...

    def record_batch(
        self,
        batch: NewBatch,
        consignments: Iterable[NewConsignment],
        rejections: Iterable[NewRejection],
        kept: Iterable[KeptFile],
    ) -> None: ...


class DocumentInspector(Protocol):
    """Opens documents in child processes and says what is wrong with them, in order."""

    def inspect(
        self, requests: Iterable[InspectionRequest]
    ) -> Iterator[tuple[InspectionRequest, Inspection]]: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch that is recorded: how many data lines it has and what became of them.

    `name` is the drop's own name with every number masked. `n_lines` is the sum of `n_ready`, `n_held` and
    `n_rejected`. With a `held_code` the whole batch waits.
    """

    batch_id: str
    n_lines: int
    n_ready: int
    n_held: int
    n_rejected: int
    n_warnings: int
    held_code: str
    held_params: Mapping[str, object] = NOTHING
    name: str = field(default="", repr=False)


class Intake:
    """The way in for every source; `now` is the clock, from which today in Denmark follows.

    `route` gives the channels a material may take, in order; by default those of the material that the
    settings define. `new_id` makes the id of a batch that comes straight from a CSV.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        ledger: IntakeLedger,
        vault: Vault,
        inspector: DocumentInspector,
        now: Callable[[], datetime],
        routes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._vault = vault
        self._inspector = inspector
        self._now = now
        self._routes = _default_routes(settings) if routes is None else routes

    def take_in(self, source: str, taken: TakenDrop, progress: Progress | None = None) -> Taken:
        """Records a taken drop as a batch and removes its originals.

        Raises DropRefused when the drop is unusable as a whole: it then lies in `karantaene/` and nothing
        of it is sent. ConfigurationError, ServiceDown and OSError leave it in `arbejde/` for `resume`.
        """
        try:
            try:
                with closing(_open(taken, self._settings.sources[source])) as contents:
                    done = self._record(source, taken.work, taken.name, contents, progress)
            except BadInput as fault:
                taken.work.clear()
                rejections = [as_rejection(fault)]
                quarantine(taken, rejections, at=self._now())
                raise DropRefused(taken.batch_id, rejections) from None
            taken.work.remove()
        finally:
            taken.work.close()
        failpoint("intake.cleaned")
        return done

    def take_csv(
        self,
        source: str,
        csv: Path,
        documents: Path | None = None,
        *,
        batch_id: str = "",
        progress: Progress | None = None,
    ) -> Taken:
        """Records a batch straight from a CSV; files are read in place from `documents`, by default the
        CSV's folder.

        The originals are the caller's own and stay. Raises DropRefused with nothing moved; other errors as
        `take_in`.
        """
        settings = self._settings.sources[source]
        prepare_folders(settings.folder)
        work = WorkFolder.create(settings.folder, batch_id or make_batch_id(self._now()))
        try:
            try:
                with closing(CsvContents(csv, documents or csv.parent, settings)) as contents:
                    done = self._record(source, work, csv.name, contents, progress)
            except BadInput as fault:
                work.clear()
                work.remove()
                raise DropRefused(work.batch_id, [as_rejection(fault)]) from None
            work.remove()
        finally:
            work.close()
        return done

    def _record(
        self, source: str, work: WorkFolder, name: str, contents: DropContents, progress: Progress | None
    ) -> Taken:
        """Takes all rows through, archives the pack and records the batch, in that order."""
        with BatchDraft(self._vault, self._settings.house.tenant, source, work) as draft:
            run = IntakeRun(self._desk(source, progress), contents, draft)
            failpoint("intake.parsed")
            run.run()
            draft.finish()
            failpoint("intake.packed")
            fingerprint = run.fingerprint
            earlier = self._ledger.batch_by_fingerprint(source, fingerprint)
            if earlier is not None:
                raise BadInput("drop.already_taken", batch=earlier)
            work.archive_pack()
            failpoint("intake.archived")
            settings = self._settings.sources[source]
            verdict = judge_batch(
                settings, run.totals, n_bad=draft.n_bad, n_consignments=draft.n_consignments
            )
            batch = NewBatch(
                work.batch_id,
                source,
                os.fsencode(name).decode("utf-8", "replace"),
                contents.origin,
                fingerprint,
                run.totals.n_lines,
                draft.n_rejected,
                draft.n_warnings,
                run.totals.control_total,
                verdict.code,
                verdict.params,
            )
            consignments = draft.consignments(source, fingerprint)
            self._ledger.record_batch(batch, consignments, draft.rejections(), draft.kept_files())
            failpoint("intake.recorded")
        return _summarise(batch, draft)

    def _desk(self, source: str, progress: Progress | None) -> Desk:
        vault, tenant = self._vault, self._settings.house.tenant

        def content_key(row: JudgedRow, hashes: list[str]) -> str:
            return vault.content_key(tenant, row.number, row.material, hashes)

        return Desk(
            source=source,
            settings=self._settings.sources[source],
            materials=self._settings.materials,
            today=self._now().astimezone(_DENMARK).date(),
            inspect=self._inspector.inspect,
            sent_before=lambda keys: self._ledger.sent_before(source, keys),
            content_key=content_key,
            route=self._route,
            max_bytes=self._max_bytes,
            progress=progress or (lambda n_done, n_total: None),
        )

    def _route(self, material: str) -> tuple[str, ...]:
        route = self._routes.get(material, ())
        if not route:
            raise ConfigurationError("batch.no_channel", material=material)
        return route

    def _max_bytes(self, material: str) -> int:
        """Returns the greatest document a material may have: its own limit and that of its roomiest
        channel."""
        own = self._settings.materials[material].max_bytes
        limits = [
            self._settings.channels[channel].max_bytes
            for channel in self._route(material)
            if channel in self._settings.channels
        ]
        return min(own, max(limits, default=own))


def _default_routes(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(channel for channel in material.channels if channel in settings.channels)
        for name, material in settings.materials.items()
    }


def _open(taken: TakenDrop, settings: SourceSettings) -> DropContents:
    if taken.origin == "symlink":
        raise BadInput("drop.symlink")
    if taken.origin == "zip":
        return ZipContents(taken.path, settings)
    return FolderContents(taken.path, settings)


def _summarise(batch: NewBatch, draft: BatchDraft) -> Taken:
    n_ready = 0 if batch.held_code else draft.n_consignments - draft.n_held
    return Taken(
        batch.id,
        batch.n_lines,
        n_ready,
        draft.n_consignments - n_ready,
        batch.n_rejected,
        batch.n_warnings,
        batch.held_code,
        batch.held_params,
        mask_numbers(batch.name),
    )
