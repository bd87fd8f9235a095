"""The newest fencing token of each lock, which guarded writes are held to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "newest_fences",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("issued_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_newest_fences"),
    )
    op.create_index("ix_newest_fences_issued_at", "newest_fences", ["issued_at"])


def downgrade() -> None:
    op.drop_table("newest_fences")
