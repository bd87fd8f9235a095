"""Sessions that were ended one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("handle", sa.String(32), nullable=False),
        sa.Column("keep_until", bharat.data.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_ended_sessions_organisation_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_ended_sessions_user"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "user_id", "handle", name="pk_ended_sessions"),
    )
    op.create_index("ix_ended_sessions_keep_until", "ended_sessions", ["organisation_id", "keep_until"])
    op.invoke(ProtectTable("ended_sessions"))


def downgrade() -> None:
    op.drop_table("ended_sessions")
