"""Organisations, fencing tokens and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
        sa.UniqueConstraint("slug", name="uq_organisations_slug"),
    )
    op.create_table(
        "fences",
        sa.Column("slot", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_fences"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", bharat.data.Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("request_id", sa.String(64)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject_type", sa.String(64), nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("changes", bharat.data.Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_audit_entries_organisation_id"),
    )
    op.create_index("ix_audit_entries_organisation", "audit_entries", ["organisation_id", "id"])
    op.create_index(
        "ix_audit_entries_subject", "audit_entries", ["organisation_id", "subject_type", "subject_id", "id"]
    )
    op.invoke(ProtectTable("audit_entries"))


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.drop_table("fences")
    op.drop_table("organisations")
