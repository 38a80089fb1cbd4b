"""The ledger's face: every question and every change that the jobs may ask for, one method each.

Relies on the modules beside it, which hold the statements. Each method is one transaction (streams are
several short ones), safe from several threads. Where nothing else is said a method may raise ServiceDown
(`ledger.unreachable`, `ledger.busy`, `ledger.disk_full`, `ledger.failed`): then nothing was changed, or, when
the connection broke at the very commit, asking again is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from batch.ledger import (
    births,
    claims,
    closing,
    erasure,
    intake_rows,
    later_words,
    lines,
    people,
    rations,
    reading,
    receipts,
    slots,
    waiting,
)
from batch.ledger.engine import BUSY_SECONDS, Database, parse_url, prepare_file
from batch.ledger.enrolments import KeptEnrolments
from batch.ledger.moments import maybe_from_micros, to_micros
from batch.ledger.outcomes import record as record_outcomes
from batch.ledger.store import Store
from batch.records import (
    Attention,
    BatchSummary,
    Claim,
    Deadlines,
    KeptEntry,
    KeptFile,
    LineResult,
    NewBatch,
    NewConsignment,
    NewRejection,
    Outcome,
    Pause,
    Ration,
    Standing,
    Waiting,
    WarningLine,
)
from schemas.consignments import Consignment, ReceiptEvent
from schemas.errors import ServiceDown
from schemas.states import State

if TYPE_CHECKING:
    from batch.vault import Vault


class Ledger:
    """The memory of a house; made by `open`. `enrolments` is the cache of enrolment answers beside it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.enrolments = KeptEnrolments(store)

    def __repr__(self) -> str:
        return f"Ledger({self._store.database!r})"

    @staticmethod
    def open(
        url: str,
        *,
        vault: Vault,
        tenant: str,
        mode: str,
        now: Callable[[], datetime],
        create: bool = False,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Ledger:
        """Opens the ledger that `url` names; with `create` it is made, or brought to this program's schema.

        A new one is stamped with mode and tenant for life. Raises ConfigurationError `ledger.missing`,
        `ledger.wrong_mode`, `ledger.wrong_tenant`, `ledger.old_schema`, `ledger.newer_schema`,
        `ledger.bad_url`, `ledger.unsupported_database`, `ledger.not_writable` or `ledger.damaged`, and
        ServiceDown `ledger.unreachable`.
        """
        place = parse_url(url)
        prepare_file(place, create)
        database = Database(place, busy_seconds)
        try:
            if create:
                births.bring_up(database, mode, tenant, now())
            else:
                births.check(database, mode, tenant)
        except BaseException:
            database.close()
            raise
        return Ledger(Store(database, vault, tenant, now))

    def close(self) -> None:
        """Writes what the enrolment cache still holds and closes every connection."""
        with suppress(ServiceDown):
            self.enrolments.flush()
        self._store.database.close()

    # Intake

    def batch_by_fingerprint(self, source: str, fingerprint: str) -> str | None:
        """Returns the id of the batch that a drop of this source became, or None."""
        return intake_rows.batch_by_fingerprint(self._store, source, fingerprint)

    def has_batch(self, batch_id: str) -> bool:
        """Says whether a batch was recorded."""
        return intake_rows.has_batch(self._store, batch_id)

    def sent_before(self, source: str, content_keys: Sequence[str]) -> dict[str, str]:
        """Returns content key → consignment id for what this source sent, failed and cancelled ones apart."""
        return intake_rows.sent_before(self._store, source, content_keys)

    def record_batch(
        self,
        batch: NewBatch,
        consignments: Iterable[NewConsignment],
        rejections: Iterable[NewRejection],
        kept: Iterable[KeptFile],
    ) -> None:
        """Records a batch whole or not at all, streaming, so that memory stays flat.

        In a held batch every ready row is recorded held with the batch's code; a held row keeps its own.
        A kept file's name is sealed for its place in `kept`. Raises BadInput `drop.already_taken` when the
        source's fingerprint is known, and ValueError when the rows and the counts don't add up.
        """
        intake_rows.record_batch(self._store, batch, consignments, rejections, kept)

    # Dispatch

    def claim(
        self,
        channel: str,
        limit: int,
        *,
        owner: str,
        lease_seconds: float,
        name_id: Callable[[str], str],
        ration: Ration | None = None,
    ) -> list[Claim]:
        """Takes up to `limit` due consignments, the oldest first: they are `sending` under the owner's lease.

        The message id is written in the same transaction, once per step. A paused channel gives nothing. A
        row whose sealed values don't open is held (`ledger.row_unreadable`); when none of several opens the
        keys are wrong: ConfigurationError `keys.unreadable`, nothing changed. A consignment that workers died
        with comes alone. What a `ration` does not allow comes marked `over_ration`, the rest is counted.
        """
        return claims.claim(self._store, channel, limit, (owner, lease_seconds), name_id, ration)

    def amount(self, channel: str, consignment: Consignment, ration: Ration) -> tuple[int, int]:
        """Returns a channel's recipients of this person and persons of this recipient, as a ration counts.

        The consignment itself is included, as if it went now.
        """
        return rations.amount(self._store, channel, consignment, ration)

    def waiting(self, looked_before: datetime, limit: int) -> list[Waiting]:
        """Returns what is held because no channel may take it, and was last looked at before a moment."""
        return waiting.waiting(self._store, to_micros(looked_before), limit)

    def reopen(self, looked_at: Mapping[str, int | None], *, actor: str) -> int:
        """Lets go what has a way again: consignment id → step to begin at, None for what still has none."""
        return waiting.reopen(self._store, looked_at, actor)

    def claim_doubts(self, channel: str, limit: int, *, owner: str, lease_seconds: float) -> list[Claim]:
        """Leases up to `limit` doubts that are due and need no person; their state stays `in_doubt`."""
        return claims.claim_doubts(self._store, channel, limit, (owner, lease_seconds))

    def record(self, outcomes: Sequence[Outcome], *, actor: str) -> list[Claim]:
        """Records what came of claims, in one transaction; returns the claims whose lease was lost.

        Those have no effect at all. A receipt that is final delivers at once; a reroute without a next step
        fails with the outcome's code; a receipt whose external id another consignment holds leaves a doubt
        for a person (`ledger.receipt_of_another`). Raises ValueError for a cause that isn't in the table.
        """
        refused = record_outcomes(self._store, outcomes, actor)
        with suppress(ServiceDown):  # a cache: what was recorded above stands all the same
            self.enrolments.flush()
        return refused

    def recover(self, is_dead: Callable[[str], bool]) -> int:
        """Takes back the leases of dead owners and those that have expired; returns how many.

        What was being sent is in doubt then, never ready. One that workers died with five times in a row,
        the last ones alone, waits for a person (`ledger.worker_lost_too_often`).
        """
        return claims.recover(self._store, is_dead)

    def due(self, channel: str) -> int:
        """Returns how many consignments a worker could take now, doubts included."""
        return claims.count_due(self._store, channel)

    def next_due_at(self, channel: str) -> datetime | None:
        """Returns when a worker finds something, perhaps in the past; None when nothing waits."""
        return maybe_from_micros(claims.next_due(self._store, channel))

    def channels_in_use(self) -> list[str]:
        """Returns the channels at which something is ready, sending, in doubt or accepted."""
        return claims.channels_in_use(self._store)

    # Later word

    def awaiting(
        self, channel: str, limit: int, after: str = "", *, before: datetime | None = None
    ) -> list[str]:
        """Returns external ids of accepted consignments; `after` is the last id of the page before.

        With `before` only those that the channel took before then.
        """
        return receipts.awaiting(self._store, channel, limit, after, before)

    def record_receipts(self, events: Iterable[ReceiptEvent], *, actor: str) -> int:
        """Records later word; doubles, unknown ids and what comes too late change nothing.

        Returns how many consignments moved. Confirmed and read deliver, refused fails, returned goes to the
        next step or, when there is none, fails with the event's code. After the last two, what was kept of
        the recipient's enrolment is forgotten.
        """
        with suppress(ServiceDown):  # what still waits in memory must not come after the forgetting
            self.enrolments.flush()
        return receipts.record_receipts(self._store, events, actor)

    def log_position(self, channel: str) -> str:
        """Returns how far a channel's log has been read, in its own words; empty before the first word."""
        return later_words.read_position(self._store, channel)

    def record_log(
        self, channel: str, words: Sequence[ReceiptEvent], *, after: str, actor: str
    ) -> int | None:
        """Records what a channel's log tells behind `after`, as `record_receipts` does, and keeps every word.

        In one transaction with the new position, so that a word is kept once however often it is read.
        Returns how many consignments moved; None, and nothing is kept, when somebody else has read on.
        """
        with suppress(ServiceDown):
            self.enrolments.flush()
        return receipts.record_log(self._store, channel, words, after, actor)

    # People

    def release(self, subject: str, *, actor: str, rows: bool = False, reason: str = "") -> int:
        """Lets a batch or a consignment go that is held; returns how many consignments moved.

        A batch's rows that are held for a reason of their own stay, unless `rows` is set. Raises BadInput
        `ledger.unknown_subject`.
        """
        return people.release(self._store, subject, actor, reason, rows)

    def hold(self, subject: str, *, actor: str, reason: str) -> int:
        """Holds what of a batch or a consignment is ready; what is on its way is held if it comes back."""
        return people.hold(self._store, subject, actor, reason)

    def cancel(self, subject: str, *, actor: str, reason: str) -> int:
        """Cancels what of a batch or a consignment is held or ready; what comes back is cancelled then."""
        return people.cancel(self._store, subject, actor, reason)

    def resolve(
        self,
        consignment_id: str,
        verdict: people.Verdict,
        *,
        actor: str,
        reason: str,
        final: bool = True,
    ) -> None:
        """Ends a doubt by a person's word: found, not_found (sent again, same id) or written_off.

        With `final` what was found counts as delivered; without, the channel's later word is waited for.
        Raises BadInput `ledger.not_in_doubt` or `ledger.unknown_subject`.
        """
        people.resolve(self._store, consignment_id, verdict, actor, reason, final)

    def pause(self, channel: str, code: str, *, actor: str) -> None:
        """Stops a channel's claims; a channel that is paused already keeps its first reason."""
        people.pause(self._store, channel, code, actor)

    def resume(self, channel: str, *, actor: str) -> bool:
        """Lets a channel's claims go on; says whether it was paused."""
        return people.resume(self._store, channel, actor)

    def note_act(self, verb: str, subject: str, *, actor: str, reason: str) -> None:
        """Keeps what a person did to a consignment outside the ledger (the portal), beside the other acts."""
        people.note_act(self._store, verb, subject, actor, reason)

    def pauses(self) -> list[Pause]:
        """Returns the paused channels."""
        return people.pauses(self._store)

    # Reading

    def batch(self, batch_id: str) -> BatchSummary | None:
        """Returns how a batch stands, or None when there is none of that id."""
        return reading.read_batch(self._store, batch_id)

    def batches(self, *, open_only: bool = False, limit: int = 50) -> list[BatchSummary]:
        """Returns batches, the newest first."""
        return reading.read_batches(self._store, open_only=open_only, limit=limit)

    def lines(self, batch_id: str) -> Iterator[LineResult]:
        """Yields where every input line stands, in line order and with constant memory."""
        return lines.read_lines(self._store, batch_id)

    def warnings(self, batch_id: str, line: int | None = None) -> Iterator[WarningLine]:
        """Yields a batch's warnings in line order, or those about one line."""
        return lines.read_warnings(self._store, batch_id, line)

    def attention(self, batch_id: str, limit: int) -> list[Attention]:
        """Returns what a person should look at in a batch, by line, at most `limit`; what waits with the
        whole batch is left out."""
        return reading.read_attention(self._store, batch_id, limit)

    def channel_counts(self, batch_id: str) -> dict[str, dict[State, int]]:
        """Returns channel → state → number of consignments."""
        return reading.channel_counts(self._store, batch_id)

    def code_counts(self, batch_id: str) -> dict[str, int]:
        """Returns how often each code stands beside a consignment or on a rejected line."""
        return reading.code_counts(self._store, batch_id)

    def standing(self, consignment_id: str) -> Standing | None:
        """Returns a consignment with where it stands, its receipt and its history; None when unknown."""
        return reading.read_standing(self._store, consignment_id)

    def by_recipient(self, digits: str) -> list[str]:
        """Returns the ids of the consignments to one CPR or CVR number, the oldest first."""
        return reading.by_recipient(self._store, digits)

    def kept_files(self, batch_id: str) -> list[KeptEntry]:
        """Returns the files of a drop that belong to no consignment, as long as they are not erased."""
        return reading.kept_files(self._store, batch_id)

    # Closing, erasure, timetable

    def to_answer(self) -> list[BatchSummary]:
        """Returns the open batches with news since their last answer."""
        return closing.to_answer(self._store)

    def mark_answered(self, batch_id: str, version: int) -> None:
        """Remembers that an answer shows the batch's `version`, read before the answer was written."""
        closing.mark_answered(self._store, batch_id, version)

    def close_batch(self, batch_id: str) -> bool:
        """Closes a batch and says True, when every row is final and the last answer shows it."""
        return closing.close_batch(self._store, batch_id)

    def to_purge(self, deadlines: Deadlines) -> list[str]:
        """Returns the closed batches with a document whose time is over and whose key is still there."""
        return erasure.to_purge(self._store, deadlines)

    def purge_batch(self, batch_id: str, deadlines: Deadlines) -> list[str]:
        """Destroys the wrapped keys, with the names, of a closed batch's documents whose time is over.

        Returns the packs that may go: none as long as a key is left. May be repeated, for a crash before the
        packs were removed. Raises BadInput `ledger.not_closed`, and ServiceDown `ledger.busy` when a reader
        keeps SQLite's log from being emptied (see `wipe_log`).
        """
        return erasure.purge_batch(self._store, batch_id, deadlines)

    def to_erase(self, closed_before: datetime) -> list[str]:
        """Returns the batches closed before a moment in which something of a person is left."""
        return erasure.to_erase(self._store, closed_before)

    def erase_batch(self, batch_id: str) -> list[str]:
        """Erases every sealed value, keyed hash, name and key of a closed batch; returns the packs that may
        go.

        Counts, states, events and receipts stay. The batch's own drop would not be known again. Errors as
        `purge_batch`; may be repeated.
        """
        return erasure.erase_batch(self._store, batch_id)

    def wipe_log(self) -> None:
        """Empties SQLite's log of what was overwritten; ServiceDown `ledger.busy` when a reader is in the
        way."""
        self._store.database.wipe_log()

    def take_slot(self, job: str, slot: str) -> bool:
        """Says True exactly once for every (job, slot), whoever asks."""
        return slots.take_slot(self._store, job, slot)
