"""The table every organisation's rows refer to."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

organisations = platform_table(
    "organisations",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("slug", sa.String(63), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("created_at", Instant, nullable=False),
    reason="It names the organisations themselves; the application shows each only its own.",
)
