"""Fencing tokens are given out from the note of the newest, out of a block that `fences` reserved; the note needs no log.

A server of before goes on drawing from `fences`: what it draws lies above all blocks, and the next block above what it drew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those there are have no block: their next token begins one.
    op.add_column("newest_fences", sa.Column("reserved_to", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_index("ix_newest_fences_issued_at", "newest_fences")
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE newest_fences SET UNLOGGED")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE newest_fences SET LOGGED")
    op.create_index("ix_newest_fences_issued_at", "newest_fences", ["issued_at"])
    op.drop_column("newest_fences", "reserved_to")
