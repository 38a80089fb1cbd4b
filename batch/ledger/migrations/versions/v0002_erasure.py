"""Lets a batch say when everything of a person was erased from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the one column; every batch so far still holds its evidence."""
    op.add_column("batch", sa.Column("erased_at", sa.BigInteger(), nullable=True))
