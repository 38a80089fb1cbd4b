"""What the dispatching side sees to from time to time: replies fetched, parcels ended, reminders, old rows.

Relies on the store, the packer and a carrier. Each part is done even when another fails, and done again by
the next pass: nothing is lost by an end in the middle.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from routing.portal.delivery import Carrier
from routing.portal.notices import reply_word
from routing.portal.packing import Packer
from routing.portal.reply_box import SUFFIX, is_reply_id
from routing.portal.reply_rows import KeptReply
from routing.portal.store import PortalStore
from schemas.errors import ConfigurationError, SendError
from schemas.portal_settings import PortalChannel

REMINDERS_A_PASS = 200
Finding = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class UpkeepResult:
    """What one pass did, and what it could not do."""

    n_fetched: int = 0
    n_expired: int = 0
    n_reminded: int = 0
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class AnswerPlaces:
    """Where replies land: each source's folder `svar/`, and who is told by mail that one came."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)


class Upkeep:
    """One pass over a portal's store."""

    def __init__(
        self,
        store: PortalStore,
        packer: Packer,
        settings: PortalChannel,
        carrier: Carrier,
        places: AnswerPlaces,
    ) -> None:
        self._store = store
        self._packer = packer
        self._settings = settings
        self._carrier = carrier
        self._places = places
        self._findings: list[Finding] = []

    async def run(self) -> UpkeepResult:
        """Makes the pass; raises ServiceDown where the database can't be reached."""
        n_fetched = await self._fetch_replies()
        n_expired = await asyncio.to_thread(self._store.parcels.end_expired)
        n_reminded = await self._remind()
        await asyncio.to_thread(self._sweep)
        return UpkeepResult(n_fetched, n_expired, n_reminded, tuple(self._findings))

    async def _fetch_replies(self) -> int:
        n_fetched = 0
        replies = self._store.replies.waiting()
        while (reply := await asyncio.to_thread(next, replies, None)) is not None:
            folder = self._places.folders.get(reply.source)
            if folder is None:
                self._findings.append(("portal.no_answer_folder", {"source": reply.source}))
                continue
            if not is_reply_id(reply.id):  # none of ours: the web application's side made it
                self._findings.append(("portal.answer_not_written", {"source": reply.source}))
                continue
            try:
                await asyncio.to_thread(_land, folder, reply)
            except OSError:
                self._findings.append(("portal.answer_not_written", {"source": reply.source}))
                continue
            await self._tell_sender(reply)
            await asyncio.to_thread(self._store.replies.fetched, reply.id, reply.parcel_id)
            n_fetched += 1
        return n_fetched

    async def _tell_sender(self, reply: KeptReply) -> None:
        """Writes to the sender that a reply came; the reply itself lies in the folder whatever happens."""
        address = self._places.addresses.get(reply.source)
        if address is None:
            return
        paper = self._packer.stationery(reply.source)
        letter = reply_word(paper, address, f"reply-{reply.id}", reply.created_at)
        try:
            await self._carrier.deliver(letter.recipient, letter.data, letter.message_id)
        except (SendError, ConfigurationError) as error:
            self._findings.append((error.code, error.params))

    async def _remind(self) -> int:
        days = self._settings.reminder_days
        if days is None:
            return 0
        n_reminded = 0
        now = self._store.now()
        due = await asyncio.to_thread(
            self._store.parcels.to_remind, now - timedelta(days=days), REMINDERS_A_PASS
        )
        for parcel in due:
            letter = self._packer.reminder(parcel, now)
            try:
                await self._carrier.deliver(letter.recipient, letter.data, letter.message_id)
            except (SendError, ConfigurationError) as error:
                self._findings.append((error.code, error.params))
                continue
            await asyncio.to_thread(self._store.parcels.set_reminded, parcel.id)
            n_reminded += 1
        return n_reminded

    def _sweep(self) -> None:
        self._store.visits.sweep()
        self._store.parcels.purge(self._store.now() - timedelta(days=self._settings.evidence_days))
        self._store.database.wipe_log()


def _land(folder: Path, reply: KeptReply) -> None:
    """Puts a sealed reply into the folder, whole and durable; one that lies there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{reply.created_at:%Y%m%d-%H%M%S}-{reply.id}{SUFFIX}"
    if target.exists():
        return
    part = folder / f".{target.name}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(reply.sealed)
        file.flush()
        os.fsync(descriptor)
    part.replace(target)
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
