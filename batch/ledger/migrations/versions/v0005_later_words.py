"""What the channels' own logs tell of a message, and how far each has been read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes both tables; the logs are read from their beginning. There is no way down."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "later_word",
        sa.Column("id", serial, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
    )
    op.create_index("ix_later_word_external", "later_word", ["channel", "external_id", "id"])
    op.create_table(
        "channel_log",
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("position", sa.String(), nullable=False),
    )
