"""Takes one drop's rows through reading, the look at earlier batches, inspection and sealing, in one stream.

Relies on the index reader, the row judge, the drop's contents, the inspector and the ledger's memory of
what was sent before. Every file is read and hashed once per row that names it; only a few megabytes of
documents are in memory at a time. Records nothing: `batch.intake` does, when the whole drop has gone
through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from batch.drop_contents import DropContents
from batch.drop_names import INDEX, extension_of, is_noise, mask_name
from batch.index_reader import Index, IndexTotals
from batch.inspection_frames import Inspection, InspectionRequest
from batch.intake_draft import BatchDraft, ReadDocument, ReadRow
from batch.rows import Fault, JudgedRow, RowJudge, must_columns
from schemas.errors import BadInput
from schemas.settings import MaterialSettings, SourceSettings

Progress = Callable[[int, int], None]
"""Called with how many lines are settled, and of how many."""

GROUP_ROWS = 64
GROUP_BYTES = 8 * 1024 * 1024
_SHOWN_NAMES = 5


@dataclass(frozen=True, slots=True)
class Desk:
    """What the intake works with for one source: its settings, and whom it asks.

    `inspect` gives each request back with its finding, in order; `sent_before` tells content keys of
    consignments that went before; `content_key` makes them; `route` gives a material's channels,
    `max_bytes` its greatest document.
    """

    source: str
    settings: SourceSettings
    materials: dict[str, MaterialSettings]
    today: date
    inspect: Callable[[Iterable[InspectionRequest]], Iterator[tuple[InspectionRequest, Inspection]]]
    sent_before: Callable[[list[str]], dict[str, str]]
    content_key: Callable[[JudgedRow, list[str]], str]
    route: Callable[[str], tuple[str, ...]]
    max_bytes: Callable[[str], int]
    progress: Progress = field(default=lambda n_done, n_total: None)


class IntakeRun:
    """One drop on its way through; `totals` and `fingerprint` are whole after `run`."""

    def __init__(self, desk: Desk, contents: DropContents, draft: BatchDraft) -> None:
        """Reads the index once through; raises BadInput when it is unusable or holds no row."""
        self._desk = desk
        self._contents = contents
        self._draft = draft
        self._index_bytes = contents.index()
        must = must_columns(desk.settings, desk.materials)
        self._index = Index(self._index_bytes, desk.settings, must)
        self.totals: IndexTotals = self._index.scan()
        if not self.totals.n_lines:
            raise BadInput("index.no_rows")
        self._judge = RowJudge(
            desk.settings,
            desk.materials,
            today=desk.today,
            size=contents.size,
            max_bytes=desk.max_bytes,
        )
        self._files_digest = sha256()
        self._seen: dict[bytes, int] = {}

    @property
    def fingerprint(self) -> str:
        """The drop's own mark: the index's records and every named file's name and content, whatever
        carries them."""
        return sha256(b"L1\n" + self.totals.digest + self._files_digest.digest()).hexdigest()

    def run(self) -> None:
        """Settles every line and packs every file; raises BadInput when the drop as a whole turns out
        unusable."""
        if self._index.looks_misdeclared:
            self._draft.warn(1, Fault("index.looks_utf8"))
        self._draft.keep(INDEX, self._index_bytes)
        for read, findings in self._inspected(self._not_sent_before(self._read_rows())):
            self._settle(read, findings)
            self._desk.progress(self._draft.n_lines, self.totals.n_lines)
        self._keep_unnamed()
        self._contents.check_unchanged()
        self._desk.progress(self._draft.n_lines, self.totals.n_lines)

    def _read_rows(self) -> Iterator[ReadRow]:
        """Yields the rows without a fault, their documents read; settles the others on the way."""
        for chunk in self._index.chunks():
            for broken in chunk.faults:
                self._draft.reject(broken.line, [Fault(broken.code, "", broken.params)])
            for row in self._judge.judge(chunk):
                for warning in row.warnings:
                    self._draft.warn(row.line, warning, row.reference, row.extra)
                read = ReadRow(row, [self._read(row, name) for name in row.files])
                if row.faults:
                    self._reject(read, row.faults)
                else:
                    yield read

    def _read(self, row: JudgedRow, name: str) -> ReadDocument:
        data = self._contents.read(name)
        digest = sha256(data)
        if self._judge.first_named[name] == row.line:
            self._files_digest.update(name.encode("utf-8") + b"\0" + digest.digest())
        return ReadDocument(name, data, digest.hexdigest())

    def _not_sent_before(self, rows: Iterator[ReadRow]) -> Iterator[ReadRow]:
        """Yields what no earlier batch has sent; the rest is refused, held or sent again as the source
        says."""
        for group in _groups(rows):
            for read in group:
                read.content_key = self._desk.content_key(read.row, [one.sha256 for one in read.documents])
            known = {}
            if self._desk.settings.duplicates != "send":
                known = self._desk.sent_before([read.content_key for read in group])
            for read in group:
                earlier = known.get(read.content_key)
                if earlier is None or self._let_pass(read, *_place_of(earlier)):
                    yield read

    def _let_pass(self, read: ReadRow, batch: str, line: int) -> bool:
        """Handles a row whose documents went to the same recipient before; True when it goes on."""
        already = Fault("row.already_sent", "", {"batch": batch, "earlier_line": line})
        if self._desk.settings.duplicates == "refuse":
            self._reject(read, [already], bad=False)
            return False
        if self._desk.settings.duplicates == "hold":
            read.row.hold_for(already)
        return True

    def _inspected(self, rows: Iterable[ReadRow]) -> Iterator[tuple[ReadRow, list[Inspection]]]:
        """Yields each row with the findings about its documents, in order."""
        findings: list[Inspection] = []
        for request, found in self._desk.inspect(self._requests(rows)):
            read = request.token
            assert isinstance(read, ReadRow)
            findings.append(found)
            if len(findings) == len(read.documents):
                yield read, findings
                findings = []

    def _requests(self, rows: Iterable[ReadRow]) -> Iterator[InspectionRequest]:
        for read in rows:
            guard = self._desk.materials[read.row.material].guard_other_cpr
            for document in read.documents:
                extension = extension_of(document.name)
                yield InspectionRequest(
                    document.data, extension, read.row.number, guard, self._desk.today, read
                )

    def _settle(self, read: ReadRow, findings: list[Inspection]) -> None:
        """Makes a consignment of an inspected row, or a rejection."""
        faults: list[Fault] = []
        for ordinal, found in enumerate(findings):
            fault = Fault(found.code, "bilag" if ordinal else "fil", dict(found.params))
            if found.code and found.hold:
                # Whoever lets a row go must read this reason: the document may be somebody else's.
                read.row.hold_for(fault, foremost=True)
            elif found.code:
                faults.append(fault)
        if faults:
            self._reject(read, faults)
            return
        self._warn_of_unread(read.row, findings)
        key = bytes.fromhex(read.content_key)[:16]
        first = self._seen.setdefault(key, read.row.line)
        if first == read.row.line or self._let_pass(read, self._draft.batch_id, first):
            self._draft.add(read, self._desk.route(read.row.material))

    def _warn_of_unread(self, row: JudgedRow, findings: list[Inspection]) -> None:
        """Says which documents were too long for the guard to read to their end."""
        for ordinal, found in enumerate(findings):
            if found.capped:
                unread = Fault("document.not_read_to_end", "bilag" if ordinal else "fil")
                self._draft.warn(row.line, unread, row.reference, row.extra)

    def _reject(self, read: ReadRow, faults: list[Fault], *, bad: bool = True) -> None:
        """Rejects a row and keeps those of its files that no earlier line has named."""
        row = read.row
        for document in read.documents:
            if self._judge.first_named[document.name] == row.line:
                self._draft.keep(document.name, document.data, document.sha256)
        self._draft.reject(row.line, faults, row.reference, row.extra, bad=bad)

    def _keep_unnamed(self) -> None:
        """Packs the files that no row names, and says so once."""
        n_files = 0
        shown: list[str] = []
        for name in self._contents.names():
            if name in self._judge.first_named:
                continue
            self._draft.keep(name, self._contents.read(name))
            if is_noise(name):
                continue
            n_files += 1
            if len(shown) < _SHOWN_NAMES:
                shown.append(mask_name(name))
        if n_files:
            params = {"n_files": n_files, "shown": ", ".join(shown)}
            self._draft.warn(0, Fault("drop.unnamed_file", "fil", params))


def _groups(rows: Iterator[ReadRow]) -> Iterator[list[ReadRow]]:
    """Yields rows in groups of a bounded number and a bounded size."""
    group: list[ReadRow] = []
    n_bytes = 0
    for read in rows:
        group.append(read)
        n_bytes += read.n_bytes
        if len(group) >= GROUP_ROWS or n_bytes >= GROUP_BYTES:
            yield group
            group, n_bytes = [], 0
    if group:
        yield group


def _place_of(consignment_id: str) -> tuple[str, int]:
    batch, _, line = consignment_id.rpartition("-")
    return batch, int(line)
