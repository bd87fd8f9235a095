"""What the vector index holds, and how far each organisation's part of it has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_index",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("index_id", sa.Uuid, nullable=False),
        sa.Column("embedding", sa.String(120), nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("run", sa.Uuid, nullable=False),
        sa.Column("started_at", bharat.data.Instant(), nullable=False),
        sa.Column("finished_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_search_index"),
    )
    op.create_table(
        "search_positions",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("index_id", sa.Uuid, nullable=False),
        sa.Column("run", sa.Uuid, nullable=False),
        sa.Column("type", sa.String(48)),
        sa.Column("after", sa.Uuid),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("built_at", bharat.data.Instant()),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_search_positions_organisation_id"),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_search_positions"),
    )
    op.invoke(ProtectTable("search_positions"))


def downgrade() -> None:
    op.drop_table("search_positions")
    op.drop_table("search_index")
