"""The values that go into the ledger and come out of it; its rows never leave it themselves.

Relies on `schemas` alone. Holds no SQL and no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.consignments import (
    NOTHING,
    Consignment,
    ContentRef,
    Receipt,
    ReceiptEvent,
    RecipientKind,
)
from schemas.states import Cause, State

NO_PARAMS: Mapping[str, object] = NOTHING


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A drop that is about to be recorded; `held_code` is empty when it may go at once.

    `name` is the drop's own name (sealed at rest). `n_lines` counts every data line of the index, rejected
    ones included. `origin` is "folder", "zip" or "csv".
    """

    id: str
    source: str
    name: str = field(repr=False)
    origin: str
    fingerprint: str
    n_lines: int
    n_rejected: int
    n_warnings: int
    control_total: int | None
    held_code: str = ""
    held_params: Mapping[str, object] = NO_PARAMS


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document's row, its name already sealed."""

    sealed_name: bytes
    media_type: str
    extension: str
    n_bytes: int
    sha256: str
    content: ContentRef


@dataclass(frozen=True, slots=True)
class NewConsignment:
    """A consignment's row, its personal values already sealed (see `batch.sealing`).

    `code` is empty for a row that is ready, else why it is held.
    """

    id: str
    line: int
    material: str
    recipient_kind: RecipientKind
    recipient_key: str
    content_key: str
    sealed: bytes
    seed: str
    route: tuple[str, ...]
    documents: tuple[NewDocument, ...]
    code: str = ""
    params: Mapping[str, object] = NO_PARAMS
    column: str = ""


@dataclass(frozen=True, slots=True)
class NewRejection:
    """A rejected line or a warning; `sealed` holds the sender's reference and unknown columns."""

    line: int
    code: str
    column: str
    params: Mapping[str, object]
    warning: bool
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the drop that belongs to no consignment, kept encrypted."""

    sealed_name: bytes
    n_bytes: int
    sha256: str
    content: ContentRef


@dataclass(frozen=True, slots=True)
class Ration:
    """How much may go by one channel within `hours`: `allows(n_recipients, n_persons)` says whether.

    `beside` are other channels whose letters count too: those with the same protection.

    `n_recipients` counts addresses that got data about the person, `n_persons` the persons whose data went
    to the address, this consignment included. Only consignments of these `materials` are counted. `mailbox`
    returns the one way to write an address: other ways to write it make no other recipient.
    """

    hours: float
    materials: frozenset[str]
    allows: Callable[[int, int], bool]
    mailbox: Callable[[str], str] = str.strip
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """One consignment that one worker may send now, under a lease.

    `lease_number` grows with every claim; an outcome that carries an older one is refused.
    `doubtful` is True when the state is still in_doubt and only doubt may be cleared. `n_unknown` counts the
    earlier tries on this step that may have arrived.
    """

    consignment: Consignment
    message_id: str
    lease_number: int
    doubtful: bool = False
    n_unknown: int = 0
    over_ration: bool = False  # the channel has carried too much: this step is not for it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a claim. `cause` is an arrow of `schemas.states`; None leaves the state as it is (a doubt
    that could not be cleared yet). `retry_at` says when to look again."""

    claim: Claim
    cause: Cause | None
    code: str = ""
    params: Mapping[str, object] = NO_PARAMS
    receipt: Receipt | None = None
    retry_at: datetime | None = None
    unknown: bool = False  # this attempt may have been taken
    needs_person: bool = False
    burnt: bool = True  # False: the attempt does not count (our own set-up was wrong)
    of_one: bool = False  # it failed for a reason that says nothing of other recipients
    at_end: Cause = Cause.EXHAUSTED  # what becomes of a reroute when the route has no further step


@dataclass(frozen=True, slots=True)
class Waiting:
    """What no channel may take now; at `used_steps` of its route a channel had taken it before."""

    consignment: Consignment
    used_steps: frozenset[int]


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """A batch as people ask for it: what came in and how many stand in each state."""

    id: str
    source: str
    name: str = field(repr=False)
    origin: str
    held_code: str
    held_params: Mapping[str, object]
    n_lines: int
    n_rejected: int
    n_warnings: int
    control_total: int | None
    taken_at: datetime
    released_at: datetime | None
    closed_at: datetime | None
    purged_at: datetime | None
    counts: Mapping[State, int]
    version: int = 0  # grows with every change
    answered_version: int = -1  # the version of the last answer; -1 when there was none
    erased_at: datetime | None = None

    @property
    def final(self) -> bool:
        """True when every line has ended: no consignment is on its way or waits."""
        return all(
            state in (State.DELIVERED, State.FAILED, State.CANCELLED) or not n
            for state, n in self.counts.items()
        )

    @property
    def adds_up(self) -> bool:
        """True when every input line is in exactly one place."""
        return self.n_rejected + sum(self.counts.values()) == self.n_lines


@dataclass(frozen=True, slots=True)
class LineResult:
    """Where one input line stands. `status` is a state's word, or "rejected".

    Several faults of one rejected line come as one result: the first in `code`, the others in `further`. For
    a line that waits for a person `further` holds the remarks about it, which whoever lets it go should know.
    `consignment_id` is empty for a rejected line.
    """

    line: int
    reference: str = field(repr=False)
    status: str
    channel: str
    receipt_id: str
    at: datetime
    code: str
    params: Mapping[str, object]
    column: str
    consignment_id: str
    material: str
    simulated: bool
    extra: Mapping[str, str] = field(default=NOTHING, repr=False)
    further: tuple[WarningLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Attention:
    """A consignment that a person should look at: held, in doubt or failed."""

    consignment_id: str
    state: State
    code: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WarningLine:
    """One more finding about a line (0: about the drop as a whole); by itself it stops nothing."""

    line: int
    code: str
    params: Mapping[str, object]
    column: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a consignment's history."""

    at: datetime
    from_state: State
    to_state: State
    cause: Cause
    actor: str
    step: int
    attempt: int
    channel: str
    code: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A consignment with where it stands now, for `explain` and `status`.

    `consignment` is None once the batch has been erased, or when its sealed values can't be opened; the rest
    of the evidence stays.
    """

    id: str
    batch_id: str
    source: str
    line: int
    material: str
    route: tuple[str, ...]
    step: int
    attempts: int
    unknown_attempts: int
    consignment: Consignment | None
    state: State
    code: str
    params: Mapping[str, object]
    column: str
    message_id: str
    needs_person: bool
    next_attempt_at: datetime
    changed_at: datetime
    receipt: Receipt | None
    history: tuple[Event, ...]
    words: tuple[ReceiptEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """A kept file as it comes out again, for a person who must look at the drop as it was."""

    name: str = field(repr=False)
    n_bytes: int
    sha256: str
    content: ContentRef


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Until when a batch must have been closed for its documents' keys to be destroyed now.

    `materials` holds those with a time of their own; `others` counts for every other one.
    """

    others: datetime
    materials: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """A paused channel."""

    channel: str
    code: str
    actor: str
    at: datetime
