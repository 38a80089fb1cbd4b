"""The tables of the portal's own database, as SQLAlchemy Core.

Nothing in them tells who somebody is: what is personal lies sealed in `envelope`, `box` and the chunks. Times
are microseconds since 1970, UTC. A change here needs a migration (`routing.portal.births`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()


def _parcel_key(*, primary: bool = True) -> Column[str]:
    parent = ForeignKey("parcel.id", ondelete="CASCADE")
    return Column("parcel_id", String, parent, primary_key=primary, nullable=False, index=not primary)


def _serial() -> Column[int]:
    return Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


STAMP = Table(
    "stamp",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("mode", String, nullable=False),
    Column("born_at", BigInteger, nullable=False),
)
PARCEL = Table(
    "parcel",
    METADATA,
    Column("id", String, primary_key=True),
    Column("message_id", String, nullable=False, unique=True),
    Column("consignment_id", String, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("source", String, nullable=False),
    Column("material", String, nullable=False),
    Column("data_class", String, nullable=False),
    Column("methods", String, nullable=False),
    Column("replies", Boolean, nullable=False),
    Column("reply_key", LargeBinary, nullable=False),
    Column("content_mark", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("locator", LargeBinary, nullable=False, unique=True),
    Column("key_id", String, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("notice_box", LargeBinary, nullable=False),
    Column("n_documents", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("renewed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("notice_at", BigInteger),
    Column("reminded_at", BigInteger),
    Column("read_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("n_wrong", Integer, nullable=False),
    Column("n_locks", Integer, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)
CHUNK = Table(
    "chunk",
    METADATA,
    _parcel_key(),
    Column("ordinal", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
CHALLENGE = Table(
    "challenge",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    _parcel_key(primary=False),
    Column("method", String, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("n_tries", Integer, nullable=False),
)
SESSION = Table(
    "session",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    _parcel_key(primary=False),
    Column("method", String, nullable=False),
    Column("box", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)
EVENT = Table(
    "event",
    METADATA,
    _serial(),
    _parcel_key(primary=False),
    Column("kind", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("detail", String, nullable=False),
    sqlite_autoincrement=True,
)
REPLY = Table(
    "reply",
    METADATA,
    Column("id", String, primary_key=True),
    _parcel_key(primary=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("n_files", Integer, nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
RATE = Table(
    "rate",
    METADATA,
    Column("id", String, primary_key=True),
    Column("amount", Integer, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)
