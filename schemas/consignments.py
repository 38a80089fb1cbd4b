"""The things that pass through the house, one type per stage of the way (design 3).

Drop → SourceRow → Rejection or Consignment → Route → Receipt → ReceiptEvent. Frozen values only; personal
fields never show in a `repr`. Relies on `schemas.identity` for numbers. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.identity import Cpr, Cvr


class _Nothing(Mapping[str, str]):
    """An empty mapping for good. It has a hash because a dataclass takes no default without one (Python 3.11
    gives none to `MappingProxyType`)."""

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING: Mapping[str, str] = _Nothing()


class RecipientKind(StrEnum):
    """Which register a recipient's number belongs to."""

    CPR = "cpr"
    CVR = "cvr"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a consignment is for; the contact fields serve the fallback channels."""

    number: Cpr | Cvr
    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)

    @property
    def kind(self) -> RecipientKind:
        return RecipientKind.CPR if isinstance(self.number, Cpr) else RecipientKind.CVR


@dataclass(frozen=True, slots=True)
class ContentRef:
    """Where a document's encrypted bytes lie, and the wrapped key that opens them.

    `pack` is a path relative to the archive's root; `offset` and `length` are bytes in it; `wrapped_key` is
    the document's own data key under the house key `key_id`. Without `wrapped_key` the bytes are noise:
    erasure destroys it.
    """

    pack: str
    offset: int
    length: int
    key_id: str
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a consignment; `ordinal` 0 is the main document, the rest are attachments.

    `name` is the sender's file name inside the drop. `sha256` is the hex digest of the plain bytes.
    """

    ordinal: int
    name: str = field(repr=False)
    media_type: str
    extension: str
    n_bytes: int
    sha256: str
    content: ContentRef


@dataclass(frozen=True, slots=True)
class Consignment:
    """One recipient's documents, ready to be handed to a channel.

    `seed` is 32 hex digits derived at intake; every channel makes its message id from it. `step` counts
    along `route` (channel names in order). `attempts` counts tries on this step, this one included.
    `earlier_unknown` is True when the ledger holds an earlier attempt of this step whose outcome nobody
    knows: only then does "already used" mean "already accepted" (design 4.4).
    """

    id: str
    batch_id: str
    source: str
    line: int
    material: str
    recipient: Recipient
    title: str = field(repr=False)
    documents: tuple[Document, ...]
    seed: str
    route: tuple[str, ...]
    step: int = 0
    attempts: int = 0
    earlier_unknown: bool = False
    reference: str = field(default="", repr=False)
    extra: Mapping[str, str] = field(default=NOTHING, repr=False)

    @property
    def channel(self) -> str:
        """The channel of the current step."""
        return self.route[self.step]

    @property
    def n_bytes(self) -> int:
        """Size of all documents together, before any encoding."""
        return sum(document.n_bytes for document in self.documents)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A line that was read and not judged: canonical column → text, the unknown columns apart."""

    line: int
    values: Mapping[str, str] = field(repr=False)
    extra: Mapping[str, str] = field(default=NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not usable: where, by which rule; never the value.

    `warning` marks a remark that stops nothing. `line` 0 means the drop as a whole.
    """

    line: int
    code: str
    column: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    reference: str = field(default="", repr=False)
    extra: Mapping[str, str] = field(default=NOTHING, repr=False)
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of a route: a channel that may carry the consignment, and what says so."""

    channel: str
    evidence: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A channel that the route does not use, why, and what that rests on."""

    channel: str
    code: str
    params: Mapping[str, object] = NOTHING
    evidence: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a consignment may go: ordered steps, and why the other channels were left out."""

    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(step.channel for step in self.steps)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A channel's word that it took responsibility.

    `external_id` is the id the other side knows the message by. `final` says that no later word will come:
    the consignment counts as delivered. `proof` holds the evidence (TLS version, cipher, peer certificate's
    SHA-256, status, digest of the raw answer): texts, never personal data. `simulated` receipts come from a
    simulator and every report says so. `code` tells a special way of acceptance (`eboks.already_accepted`).
    """

    channel: str
    external_id: str
    at: datetime
    final: bool
    proof: Mapping[str, str] = NOTHING
    simulated: bool = False
    code: str = ""


class ReceiptKind(StrEnum):
    """What later word a channel may bring; what is only noted moves no consignment."""

    CONFIRMED = "confirmed"
    RETURNED = "returned"
    REFUSED = "refused"
    READ = "read"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """Later word about a message; may come twice, late and out of order.

    `position` is the channel's own mark of how far its log is read with this word; empty where a channel
    keeps no log and is asked by id.
    """

    channel: str
    external_id: str
    kind: ReceiptKind
    at: datetime
    code: str = ""
    proof: Mapping[str, str] = NOTHING
    position: str = ""
