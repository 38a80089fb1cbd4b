"""Collects what becomes of a batch's rows until the ledger takes it: the encrypted pack, the sealed rows,
the counts.

Relies on the vault for sealing, on the document store's pack and on the spools, all in the work folder.
Decides nothing: `batch.intake_run` says which row is what. Nothing readable leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import TracebackType
from typing import Self

from batch.document_store import PackWriter
from batch.drop_names import extension_of
from batch.failpoints import failpoint
from batch.media_types import media_type
from batch.records import KeptFile, NewConsignment, NewDocument, NewRejection
from batch.rows import Fault, JudgedRow
from batch.sealing import seal_consignment, seal_echo, seal_name
from batch.spool import Spool
from batch.vault import Vault
from batch.work_folder import WorkFolder
from schemas.consignments import NOTHING


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document in memory, read and hashed once."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)
    sha256: str


@dataclass(slots=True)
class ReadRow:
    """A row with its documents; `content_key` tells the same documents to the same recipient again."""

    row: JudgedRow
    documents: Sequence[ReadDocument]
    content_key: str = ""

    @property
    def n_bytes(self) -> int:
        return sum(len(document.data) for document in self.documents)


class BatchDraft:
    """One batch in the making; use it as a context and call `finish` before recording."""

    def __init__(self, vault: Vault, tenant: str, source: str, work: WorkFolder) -> None:
        self._vault = vault
        self._tenant = tenant
        self.batch_id = work.batch_id
        self._open = ExitStack()
        with ExitStack() as opened:
            pack_name = f"{source}/{work.batch_id}.pack"
            self._pack = opened.enter_context(PackWriter(vault, tenant, work.pack, pack_name))
            self._consignments = opened.enter_context(Spool(work.spool("consignments")))
            self._rejections = opened.enter_context(Spool(work.spool("rejections")))
            self._kept = opened.enter_context(Spool(work.spool("kept")))
            self._open = opened.pop_all()
        self.n_rejected = 0
        self.n_bad = 0
        self.n_held = 0
        self.n_warnings = 0

    @property
    def n_consignments(self) -> int:
        return self._consignments.n_rows

    @property
    def n_lines(self) -> int:
        """How many lines have been settled."""
        return self.n_rejected + self.n_consignments

    def keep(self, name: str, data: bytes, digest: str = "") -> None:
        """Packs a file that belongs to no consignment."""
        sealed = seal_name(self._vault, self._tenant, self.batch_id, self._kept.n_rows, name)
        content = self._pack.add(self.batch_id, name, data)
        self._kept.add(KeptFile(sealed, len(data), digest or sha256(data).hexdigest(), content))

    def reject(
        self,
        line: int,
        faults: Sequence[Fault],
        reference: str = "",
        extra: Mapping[str, str] = NOTHING,
        *,
        bad: bool = True,
    ) -> None:
        """Notes a line that becomes no consignment; `bad` False when that is no fault of the batch."""
        for fault in faults:
            self._note(line, fault, reference, extra, warning=False)
        self.n_rejected += 1
        self.n_bad += bad

    def warn(self, line: int, fault: Fault, reference: str = "", extra: Mapping[str, str] = NOTHING) -> None:
        """Notes a remark that stops nothing."""
        self._note(line, fault, reference, extra, warning=True)
        self.n_warnings += 1

    def _note(
        self, line: int, fault: Fault, reference: str, extra: Mapping[str, str], *, warning: bool
    ) -> None:
        sealed = seal_echo(self._vault, self._tenant, self.batch_id, line, reference, extra)
        self._rejections.add(NewRejection(line, fault.code, fault.column, fault.params, warning, sealed))

    def add(self, read: ReadRow, route: tuple[str, ...]) -> None:
        """Packs a usable row's documents and seals the row; with a hold it waits, further ones are noted."""
        row = read.row
        consignment_id = f"{self.batch_id}-{row.line:05d}"
        documents = tuple(
            self._pack_document(consignment_id, ordinal, document)
            for ordinal, document in enumerate(read.documents)
        )
        hold = row.holds[0] if row.holds else Fault("")
        for other in row.holds[1:]:
            self.warn(row.line, other, row.reference, row.extra)
        self._consignments.add(
            NewConsignment(
                consignment_id,
                row.line,
                row.material,
                row.kind,
                self._vault.recipient_key(self._tenant, row.number),
                read.content_key,
                self._seal(consignment_id, row),
                "",  # the seed comes of the fingerprint, known when all files are read
                route,
                documents,
                hold.code,
                hold.params,
                hold.column,
            )
        )
        self.n_held += bool(row.holds)
        failpoint("intake.half_packed")

    def _seal(self, consignment_id: str, row: JudgedRow) -> bytes:
        return seal_consignment(
            self._vault,
            self._tenant,
            consignment_id,
            number=row.number,
            title=row.title,
            name=row.name,
            email=row.email,
            mobile=row.mobile,
            reference=row.reference,
            extra=row.extra,
        )

    def _pack_document(self, consignment_id: str, ordinal: int, document: ReadDocument) -> NewDocument:
        extension = extension_of(document.name)
        return NewDocument(
            seal_name(self._vault, self._tenant, consignment_id, ordinal, document.name),
            media_type(extension),
            extension,
            len(document.data),
            document.sha256,
            self._pack.add(consignment_id, document.name, document.data),
        )

    def finish(self) -> None:
        """Makes the pack durable."""
        self._pack.finish()

    def consignments(self, source: str, fingerprint: str) -> Iterator[NewConsignment]:
        """Yields the usable rows, each with its seed (design 4.2)."""
        for row in self._consignments.consignments():
            yield replace(row, seed=self._vault.seed(self._tenant, source, fingerprint, row.line))

    def rejections(self) -> Iterator[NewRejection]:
        return self._rejections.rejections()

    def kept_files(self) -> Iterator[KeptFile]:
        return self._kept.kept_files()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
