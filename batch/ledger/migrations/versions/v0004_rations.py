"""What channels of limited amounts have carried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and its two look-ups. There is no way down: a ledger keeps what it knows."""
    op.create_table(
        "ration_use",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("consignment_id", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "consignment_id"),
    )
    op.create_index("ix_ration_use_person", "ration_use", ["channel", "person_key"])
    op.create_index("ix_ration_use_address", "ration_use", ["channel", "address_key"])
