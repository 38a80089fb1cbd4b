"""The contract between the house and every channel (design 6).

A channel turns a consignment into a message of its own kind, hands it over and tells what happened, in the
four words of `schemas.errors.SendError`. Relies on the other schemas; holds no code that sends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from schemas.consignments import Consignment, Document, Receipt, ReceiptEvent


class Protection(StrEnum):
    """How a channel protects what it carries."""

    MAILBOX = "mailbox"
    END_TO_END = "end_to_end"
    DOMAIN = "domain"
    TRANSPORT = "transport"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel carries and how fast: bytes in all, extensions, calls side by side, calls a second."""

    max_bytes: int
    extensions: frozenset[str]
    parallel: int
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a channel reaches a recipient; `code` says why not, `cached` whether the answer was kept.

    `answer` is the word of the other side's register and `source` who gave it, where one was asked. `refused`
    says that no channel should take it: a letter to one who is dead goes nowhere.
    `evidence` is what the answer rests on (a certificate's subject and days, a tunnel entry, every mail
    exchanger with its TLS version): texts for `explain`, never a document's content.
    """

    reached: bool
    code: str = ""
    cached: bool = False
    answer: str = ""
    source: str = ""
    refused: bool = False
    params: Mapping[str, object] = field(default_factory=dict)
    evidence: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a channel's later word was last read.

    `position` is the channel's own opaque mark; `awaiting` are external ids the ledger still waits on, for
    channels that must ask by id.
    """

    position: str = ""
    awaiting: tuple[str, ...] = field(default=(), repr=False)


class DocumentReader(Protocol):
    """Gives a channel the plain bytes of a document, in memory only."""

    def read(self, consignment: Consignment, document: Document) -> bytes: ...


@dataclass(frozen=True, slots=True)
class KeptEnrolment:
    """An enrolment answer from the cache, and when e-Boks gave it."""

    answer: str
    asked_at: datetime


EVERY_PLACE = "*"


def group_place(group: str) -> str:
    """Returns how a registration group stands in a list's `places`, where a bare number is a material."""
    return f"g:{group}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the daily enrolment list says about a recipient, and of when the list is.

    `places` are what one who is enrolled is enrolled for: numbers of materials, groups (`group_place`), or
    `EVERY_PLACE`. One who is not on the list is enrolled for nothing.
    """

    at: datetime
    answer: str
    places: frozenset[str] = frozenset()


class EnrolmentCache(Protocol):
    """Remembers enrolment answers for a time; keyed by a keyed hash, never by the number itself."""

    def recall(
        self, channel: str, material_id: int, recipient: str, max_age_seconds: float
    ) -> KeptEnrolment | None:
        """Returns the answer kept for this recipient's digits, or None when there is none young enough."""

    def remember(self, channel: str, material_id: int, recipient: str, answer: str) -> None: ...

    def forget(self, channel: str, recipient: str) -> None:
        """Drops every answer kept for this recipient, the list's too: a reject has shown it to be old."""

    def listed(self, channel: str, recipient: str, max_age_seconds: float) -> Listed | None:
        """Returns what the channel's daily list says, or None when there is no list young enough."""


@runtime_checkable
class Tended(Protocol):
    """A channel with something to see to from time to time, whether or not the ledger waits on any word."""

    async def tend(self) -> None:
        """Sees to it, once in every pass of `collect`; raises Transient or ConfigurationError."""


class Channel(Protocol):
    """One way to hand over a consignment.

    `idempotent` channels clear doubt by sending the same id and bytes again; the others by `find`. What may
    have been taken is never tried again on those as an ordinary attempt: it is doubt, a refusal of what was
    sent once more included, for the other side does not say whether it meant the first.

    `one_side` says that every consignment goes to one and the same service, so that a failure says something
    of the next one too. Where each recipient has a server of their own it is False.
    """

    name: str
    protection: Protection
    limits: Limits
    idempotent: bool
    one_side: bool

    def check(self) -> None:
        """Looks at settings, keys, certificates and the other side; raises ConfigurationError."""

    def findings(self) -> Sequence[tuple[str, Mapping[str, object]]]:
        """Returns what will need a person before long, such as a certificate's last days: code and params."""

    def message_id(self, seed: str) -> str:
        """Returns the message id this channel uses for a consignment's seed; pure."""

    async def reaches(self, consignment: Consignment) -> Reach:
        """Says whether the recipient can be reached, perhaps from a cache; never sends.

        Raises Transient when it can't be found out now, ConfigurationError when our set-up is wrong.
        """

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        """Hands over; raises one of the four SendErrors, or ConfigurationError with nothing sent."""

    async def find(self, message_id: str) -> Receipt | None:
        """Clears doubt: the receipt, None when the other side never got it; raises CannotTell.

        `CannotTell.send_once_more` asks for the same message to be sent one more time, if it has not been.
        """

    def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Yields later word since `cursor`; replayable; raises Transient or ConfigurationError.

        With `awaiting` of those messages. With none, what a channel that keeps a log tells behind `position`,
        of every message and in order, each word with its position; any other channel then yields nothing.
        """

    async def close(self) -> None:
        """Ends what is open; no call after this."""
