"""Sessions, leases and limits kept in the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("seen_at", bharat.data.Instant(), nullable=False),
        sa.Column("idle_seconds", sa.Double, nullable=False),
        sa.Column("idle_until", bharat.data.Instant(), nullable=False),
        sa.Column("absolute_until", bharat.data.Instant(), nullable=False),
        sa.Column("address", sa.String(100)),
        sa.Column("user_agent", sa.String(500)),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user", "sessions", ["organisation_id", "user_id"])
    op.create_index("ix_sessions_idle_until", "sessions", ["idle_until"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("expires_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_index("ix_leases_expires_at", "leases", ["expires_at"])
    op.create_table(
        "limit_counters",
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("expires_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_limit_counters"),
    )
    op.create_index("ix_limit_counters_expires_at", "limit_counters", ["expires_at"])
    op.create_table(
        "limit_buckets",
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("tokens", sa.Double, nullable=False),
        sa.Column("filled_at", sa.Double, nullable=False),
        sa.Column("full_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_limit_buckets"),
    )
    op.create_index("ix_limit_buckets_full_at", "limit_buckets", ["full_at"])


def downgrade() -> None:
    for table in ("limit_buckets", "limit_counters", "leases", "sessions"):
        op.drop_table(table)
