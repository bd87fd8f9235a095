"""Custom fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custom_fields",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_type", sa.String(48), nullable=False),
        sa.Column("name", sa.String(48), nullable=False),
        sa.Column("label", sa.String(100)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
        sa.Column("options", bharat.data.Document, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("updated_at", bharat.data.Instant(), nullable=False),
        sa.Column("deleted_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_custom_fields"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_custom_fields_organisation_id"),
        sa.UniqueConstraint(
            "organisation_id", "record_type", "name", name="uq_custom_fields_organisation_id_record_type_name"
        ),
    )
    op.invoke(ProtectTable("custom_fields"))


def downgrade() -> None:
    op.drop_table("custom_fields")
