"""The daily enrolment list: one head per channel, and the lines of the list in force and one being read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes both tables. There is no way down: a ledger is never taken back to an older schema."""
    op.create_table(
        "enrolment_list",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("staged_serial", sa.Integer(), nullable=False),
        sa.Column("n_recipients", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("dated_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "enrolment_listed",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("recipient_key", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("places", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "serial", "recipient_key"),
    )
