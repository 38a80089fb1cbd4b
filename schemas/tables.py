"""The ledger's tables, as SQLModel classes (design 4, 5.6).

Relies on sqlmodel. Classes with `table=True` validate nothing, so no instance leaves the ledger, and bulk
rows go in through the underlying Core tables. Alembic owns the schema; these classes and the migrations
must agree (a test compares them). Times are UTC microseconds in integers: no database loses their zone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from schemas.states import State

_SERIAL = BigInteger().with_variant(Integer(), "sqlite")
_STATES = ", ".join(f"'{state.value}'" for state in State)


def _moment(nullable: bool = True) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


class HouseRow(SQLModel, table=True):
    """The stamp a database gets at birth: its mode and tenant never change."""

    __tablename__ = "house"
    id: int = Field(default=1, primary_key=True)
    mode: str
    tenant: str
    born_at: int = Field(sa_column=_moment(nullable=False))


class BatchRow(SQLModel, table=True):
    """One drop that was taken: counts, totals, verdict. `fingerprint` is unique per source."""

    __tablename__ = "batch"
    __table_args__ = (Index("ux_batch_fingerprint", "source", "fingerprint", unique=True),)
    id: str = Field(primary_key=True)
    source: str
    sealed_name: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    origin: str  # "folder", "zip" or "csv"
    fingerprint: str
    held_code: str = ""  # why the whole batch is held; empty when it is not
    held_params: str = "{}"
    n_lines: int
    n_rejected: int
    n_warnings: int
    control_total: int | None = None
    taken_at: int = Field(sa_column=_moment(nullable=False))
    released_at: int | None = Field(default=None, sa_column=_moment())
    released_by: str = ""
    # The sum of its consignments' versions at the last answer, so that an unchanged one isn't written again.
    answered_version: int = -1
    closed_at: int | None = Field(default=None, sa_column=_moment())
    purged_at: int | None = Field(default=None, sa_column=_moment())  # no document's key is left
    erased_at: int | None = Field(default=None, sa_column=_moment())  # nothing of a person is left


class ConsignmentRow(SQLModel, table=True):
    """One recipient's documents and where they stand. Personal values lie sealed in `sealed`."""

    __tablename__ = "consignment"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="ck_consignment_state"),
        Index(
            "ix_consignment_due",
            "channel",
            "next_attempt_at",
            "id",
            sqlite_where=text("state = 'ready'"),
            postgresql_where=text("state = 'ready'"),
        ),
        Index(
            "ix_consignment_doubt",
            "channel",
            "next_attempt_at",
            "id",
            sqlite_where=text("state = 'in_doubt'"),
            postgresql_where=text("state = 'in_doubt'"),
        ),
        Index(
            "ix_consignment_lease",
            "lease_until",
            sqlite_where=text("lease_owner <> ''"),
            postgresql_where=text("lease_owner <> ''"),
        ),
        Index(
            "ix_consignment_awaiting",
            "channel",
            "id",
            sqlite_where=text("state = 'accepted'"),
            postgresql_where=text("state = 'accepted'"),
        ),
        Index("ux_consignment_line", "batch_id", "line", unique=True),
        Index("ix_consignment_recipient", "recipient_key"),
        Index("ix_consignment_content", "content_key"),
    )
    id: str = Field(primary_key=True)
    batch_id: str = Field(foreign_key="batch.id")
    source: str
    line: int
    material: str
    recipient_kind: str
    recipient_key: str  # HMAC of the number: look-ups
    content_key: str  # HMAC of recipient, material and document hashes: "sent before?"
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    seed: str
    route: str  # channel names in order, separated by a space
    step: int = 0
    channel: str
    state: str
    code: str = ""  # the latest reason: of a hold, a deferral, a failure
    params: str = "{}"  # its safe parameters, JSON
    column: str = ""  # canonical column the code speaks of
    message_id: str | None = None
    attempts: int = 0  # on this step
    unknown_attempts: int = 0  # on this step, outcome unknown
    n_worker_losses: int = 0  # how often in a row a worker died with it in hand
    needs_person: bool = False  # in doubt, and asking again proves nothing
    next_attempt_at: int = Field(sa_column=_moment(nullable=False))
    lease_owner: str = ""
    lease_until: int = Field(default=0, sa_column=_moment(nullable=False))
    # Grows whenever the lease is given: a late writer with an older number is refused.
    lease_number: int = 0
    version: int = 0  # grows with every change that an answer would show
    changed_at: int = Field(sa_column=_moment(nullable=False))


class DocumentRow(SQLModel, table=True):
    """One encrypted document. Erasure sets `wrapped_key` to NULL: the bytes are then noise."""

    __tablename__ = "document"
    consignment_id: str = Field(primary_key=True, foreign_key="consignment.id")
    ordinal: int = Field(primary_key=True)
    sealed_name: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    media_type: str
    extension: str
    n_bytes: int
    sha256: str
    pack: str
    pack_offset: int = Field(sa_column=Column(BigInteger, nullable=False))
    pack_length: int
    key_id: str
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class KeptFileRow(SQLModel, table=True):
    """An encrypted file of a drop that belongs to no consignment: index, rejected rows' files, strays."""

    __tablename__ = "kept_file"
    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    ordinal: int = Field(primary_key=True)
    sealed_name: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    n_bytes: int
    sha256: str
    pack: str
    pack_offset: int = Field(sa_column=Column(BigInteger, nullable=False))
    pack_length: int
    key_id: str
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class RejectionRow(SQLModel, table=True):
    """A line that never became a consignment, or a warning about one; never the value itself."""

    __tablename__ = "rejection"
    __table_args__ = (Index("ix_rejection_batch", "batch_id", "line"),)
    id: int | None = Field(default=None, primary_key=True)
    batch_id: str = Field(foreign_key="batch.id")
    line: int
    column: str = ""
    code: str
    params: str = "{}"
    warning: bool = False
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class EventRow(SQLModel, table=True):
    """What happened to a consignment, in the transaction that made it so. Append-only."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_consignment", "consignment_id", "id"),)
    id: int | None = Field(default=None, sa_column=Column(_SERIAL, primary_key=True, autoincrement=True))
    consignment_id: str
    at: int = Field(sa_column=_moment(nullable=False))
    from_state: str
    to_state: str
    cause: str
    actor: str
    step: int
    attempt: int
    channel: str
    code: str = ""


class ReceiptRow(SQLModel, table=True):
    """A channel's receipt with its proof; one per consignment and step."""

    __tablename__ = "receipt"
    __table_args__ = (Index("ux_receipt_external", "channel", "external_id", unique=True),)
    consignment_id: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    channel: str
    external_id: str
    at: int = Field(sa_column=_moment(nullable=False))
    simulated: bool
    code: str = ""
    proof: str = Field(default="{}", sa_column=Column(Text, nullable=False))


class LaterWordRow(SQLModel, table=True):
    """A line of a channel's log about a message, as it was told; append-only, and nothing personal in it.

    Kept by the message's id and not by the receipt, for word may come before the receipt is recorded.
    """

    __tablename__ = "later_word"
    __table_args__ = (Index("ix_later_word_external", "channel", "external_id", "id"),)
    id: int | None = Field(default=None, sa_column=Column(_SERIAL, primary_key=True, autoincrement=True))
    channel: str
    external_id: str
    kind: str
    at: int = Field(sa_column=_moment(nullable=False))
    code: str = ""
    proof: str = Field(default="{}", sa_column=Column(Text, nullable=False))


class ChannelLogRow(SQLModel, table=True):
    """How far a channel's log has been read, in the channel's own words."""

    __tablename__ = "channel_log"
    channel: str = Field(primary_key=True)
    position: str


class EnrolmentRow(SQLModel, table=True):
    """A cached enrolment answer; the recipient only as a keyed hash."""

    __tablename__ = "enrolment"
    channel: str = Field(primary_key=True)
    recipient_key: str = Field(primary_key=True)
    material_id: int = Field(primary_key=True)
    answer: str
    asked_at: int = Field(sa_column=_moment(nullable=False))


class EnrolmentListRow(SQLModel, table=True):
    """A channel's enrolment list: which of its lines' serials is in force (0: none yet), and of when it is.

    `staged_serial` is the list that is being read in; nobody sees it before it is put in force.
    """

    __tablename__ = "enrolment_list"
    channel: str = Field(primary_key=True)
    serial: int = 0
    staged_serial: int = 0
    n_recipients: int = 0
    sha256: str = ""  # of the file
    dated_at: int | None = Field(default=None, sa_column=_moment())
    taken_at: int | None = Field(default=None, sa_column=_moment())


class EnrolmentListedRow(SQLModel, table=True):
    """What a list says about one recipient, who stands here only as a keyed hash."""

    __tablename__ = "enrolment_listed"
    channel: str = Field(primary_key=True)
    serial: int = Field(primary_key=True)
    recipient_key: str = Field(primary_key=True)
    answer: str
    places: str = ""  # materials and groups, separated by a space


class SlotRow(SQLModel, table=True):
    """One run of a timetable entry: the guard that a local slot fires once."""

    __tablename__ = "slot"
    job: str = Field(primary_key=True)
    slot: str = Field(primary_key=True)
    taken_at: int = Field(sa_column=_moment(nullable=False))


class PauseRow(SQLModel, table=True):
    """A channel that is paused, by whom and why; no row means it runs."""

    __tablename__ = "pause"
    channel: str = Field(primary_key=True)
    code: str
    actor: str
    at: int = Field(sa_column=_moment(nullable=False))


class ActRow(SQLModel, table=True):
    """What a person did: release, hold, cancel, resolve, pause; append-only."""

    __tablename__ = "act"
    id: int | None = Field(default=None, primary_key=True)
    at: int = Field(sa_column=_moment(nullable=False))
    actor: str
    verb: str
    subject: str
    reason: str = ""
    n_changed: int = 0


class RationUseRow(SQLModel, table=True):
    """What a channel of limited amounts has carried: whose data to which address, both by keyed hash."""

    __tablename__ = "ration_use"
    __table_args__ = (
        Index("ix_ration_use_person", "channel", "person_key"),
        Index("ix_ration_use_address", "channel", "address_key"),
    )
    channel: str = Field(primary_key=True)
    consignment_id: str = Field(primary_key=True)
    person_key: str
    address_key: str
    at: int = Field(sa_column=_moment(nullable=False))
