"""The first version of the portal's schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table. There is no way down: a portal keeps what it knows."""
    _parcels()
    _visits()
    _records()


def _parcels() -> None:
    op.create_table(
        "stamp",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("born_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "parcel",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("message_id", sa.String(), nullable=False, unique=True),
        sa.Column("consignment_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("data_class", sa.String(), nullable=False),
        sa.Column("methods", sa.String(), nullable=False),
        sa.Column("replies", sa.Boolean(), nullable=False),
        sa.Column("reply_key", sa.LargeBinary(), nullable=False),
        sa.Column("content_mark", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("locator", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("notice_box", sa.LargeBinary(), nullable=False),
        sa.Column("n_documents", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("renewed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("notice_at", sa.BigInteger()),
        sa.Column("reminded_at", sa.BigInteger()),
        sa.Column("read_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("n_wrong", sa.Integer(), nullable=False),
        sa.Column("n_locks", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_parcel_consignment_id", "parcel", ["consignment_id"])
    op.create_index("ix_parcel_expires_at", "parcel", ["expires_at"])


def _visits() -> None:
    op.create_table(
        "chunk",
        sa.Column("parcel_id", sa.String(), sa.ForeignKey("parcel.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "challenge",
        sa.Column("id", sa.LargeBinary(), primary_key=True),
        sa.Column("parcel_id", sa.String(), sa.ForeignKey("parcel.id", ondelete="CASCADE"), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("n_tries", sa.Integer(), nullable=False),
    )
    op.create_index("ix_challenge_parcel_id", "challenge", ["parcel_id"])
    op.create_index("ix_challenge_expires_at", "challenge", ["expires_at"])
    op.create_table(
        "session",
        sa.Column("id", sa.LargeBinary(), primary_key=True),
        sa.Column("parcel_id", sa.String(), sa.ForeignKey("parcel.id", ondelete="CASCADE"), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_session_parcel_id", "session", ["parcel_id"])
    op.create_index("ix_session_ends_at", "session", ["ends_at"])


def _records() -> None:
    op.create_table(
        "event",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("parcel_id", sa.String(), sa.ForeignKey("parcel.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_parcel_id", "event", ["parcel_id"])
    op.create_table(
        "reply",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("parcel_id", sa.String(), sa.ForeignKey("parcel.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("n_files", sa.Integer(), nullable=False),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_reply_parcel_id", "reply", ["parcel_id"])
    op.create_index("ix_reply_created_at", "reply", ["created_at"])
    op.create_table(
        "rate",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_rate_ends_at", "rate", ["ends_at"])
