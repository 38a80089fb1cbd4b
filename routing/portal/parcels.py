"""A parcel: what the portal keeps for one message, and what may become of it.

Frozen values, made from rows and turned into them. Relies on `tables` for the columns. A parcel that has
ended holds nothing that opens: its wrapped key, envelope and chunks are gone, its events stay as evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from routing.portal.database import from_micros, to_micros
from routing.portal.keys import bound

MAX_WRONG = 5
LONG_AGO = from_micros(0)
LOCK_SECONDS = (3600, 86_400)
"""How long the first and the second lock last; the third stays until the sender lifts it."""

WAS_READ = "read"
"""The detail of the end of a parcel that somebody had read: it moves nothing any more."""


class ParcelState(StrEnum):
    """Where a parcel stands; all but the first are final."""

    OPEN = "open"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Happening(StrEnum):
    """What can be told of a parcel; the words of the event log."""

    SEALED = "sealed"
    NOTICE_SENT = "notice_sent"
    NOTICE_BOUNCED = "notice_bounced"
    REMINDED = "reminded"
    CODE_SENT = "code_sent"
    CODE_FAILED = "code_failed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    OPENED = "opened"
    READ = "read"
    DOWNLOADED = "downloaded"
    REPLIED = "replied"
    REPLY_FETCHED = "reply_fetched"
    LINK_RENEWED = "link_renewed"
    EXTENDED = "extended"
    SIGNED_OUT = "signed_out"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row. `locator` and the sealed fields are bytes nobody can read here; times are aware, UTC."""

    id: str
    message_id: str
    consignment_id: str
    channel: str
    source: str
    material: str
    data_class: str
    methods: tuple[str, ...]
    replies: bool
    reply_key: bytes = field(repr=False)
    content_mark: bytes = field(repr=False)
    locator: bytes = field(repr=False)
    key_id: str
    wrapped_key: bytes = field(repr=False)
    envelope: bytes = field(repr=False)
    notice_box: bytes = field(repr=False)
    n_documents: int
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime
    generation: int = 0
    state: ParcelState = ParcelState.OPEN
    notice_at: datetime | None = None
    reminded_at: datetime | None = None
    read_at: datetime | None = None
    ended_at: datetime | None = None
    n_wrong: int = 0
    n_locks: int = 0
    locked_until: datetime = LONG_AGO

    @property
    def terms(self) -> bytes:
        """What is sealed into the envelope though it stands in the row: whose message it is, how one proves
        who one is, and where an answer goes. Whoever changes the row alone has a parcel that does not open.
        """
        texts = (self.message_id, self.consignment_id, self.source, self.data_class, " ".join(self.methods))
        answers = self.reply_key if self.replies else b""
        return bound(*(text.encode() for text in texts), bytes([self.replies]), answers)

    def is_open(self, now: datetime) -> bool:
        """Says whether a recipient may come in."""
        return self.state is ParcelState.OPEN and now < self.expires_at

    def is_locked(self, now: datetime) -> bool:
        """Says whether wrong answers have closed the door for a time, or until the sender opens it."""
        return self.n_locks > len(LOCK_SECONDS) or now < self.locked_until


@dataclass(frozen=True, slots=True)
class PortalEvent:
    """One line of the event log; `detail` holds method names and counts, never anything personal."""

    seq: int
    parcel_id: str
    message_id: str
    kind: Happening
    at: datetime
    detail: str = ""


_TIMES = frozenset(
    {
        "created_at",
        "renewed_at",
        "expires_at",
        "notice_at",
        "reminded_at",
        "read_at",
        "ended_at",
        "locked_until",
    }
)
_NAMES = tuple(one.name for one in fields(Parcel))


def parcel_row(parcel: Parcel) -> dict[str, object]:
    """Returns a parcel as its row."""
    row: dict[str, Any] = {name: getattr(parcel, name) for name in _NAMES}
    for name in _TIMES:
        row[name] = None if row[name] is None else to_micros(row[name])
    return row | {"methods": " ".join(parcel.methods), "state": parcel.state.value}


def parcel_of(row: Any) -> Parcel:
    """Returns the parcel of a row."""
    values = {name: getattr(row, name) for name in _NAMES}
    for name in _TIMES:
        values[name] = None if values[name] is None else from_micros(values[name])
    values["methods"] = tuple(values["methods"].split())
    values["state"] = ParcelState(values["state"])
    return Parcel(**values)
