"""Remembered answers to requests with an idempotency key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", bharat.data.Instant(), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", bharat.data.Document, nullable=False),
        sa.Column("content_type", sa.String(255)),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "user_id", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_idempotency_keys_organisation_id"),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])
    op.invoke(ProtectTable("idempotency_keys", platform_access=True))


def downgrade() -> None:
    op.drop_table("idempotency_keys")
