"""What the vector index holds, and how far each organisation's part of it has come."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.data.tables import core_metadata, organisation_table, platform_table
from bharat.data.types import Instant

search_index = platform_table(
    "search_index",
    core_metadata,
    # There is one row at most.
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    # Another with each index that was made anew: positions that name an earlier one count for nothing.
    sa.Column("index_id", sa.Uuid, nullable=False),
    sa.Column("embedding", sa.String(120), nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    # The rebuild of all organisations that was begun last; without an end it goes on where it stopped.
    sa.Column("run", sa.Uuid, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    reason="One vector index serves all organisations; queries of it are limited to one.",
)

search_positions = organisation_table(
    "search_positions",
    core_metadata,
    sa.Column("index_id", sa.Uuid, nullable=False),
    # How far the rebuild `run` has come: types before this one are done, and of this one the records up to this id.
    sa.Column("run", sa.Uuid, nullable=False),
    sa.Column("type", sa.String(48)),
    sa.Column("after", sa.Uuid),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    # When all of the organisation's records were in the index first. Before, searches say that something may be missing.
    sa.Column("built_at", Instant),
    # The events up to this number are in the index.
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("organisation_id"),
)
