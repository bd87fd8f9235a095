"""Files attached to records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_files",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_type", sa.String(48), nullable=False),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("upload", sa.String(200)),
        sa.Column("thumbnail", sa.Boolean, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_record_files"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_record_files_organisation_id"),
    )
    op.create_index("ix_record_files_record", "record_files", ["organisation_id", "record_type", "record_id", "id"])
    op.create_index(
        "ix_record_files_unfinished",
        "record_files",
        ["organisation_id", "created_at"],
        sqlite_where=sa.text("state <> 'ready'"),
        postgresql_where=sa.text("state <> 'ready'"),
    )
    op.invoke(ProtectTable("record_files"))


def downgrade() -> None:
    op.drop_table("record_files")
