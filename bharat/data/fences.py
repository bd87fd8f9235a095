"""The issuer of fencing tokens: a counter per lock name in the database, so that it outlives every lock store."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.data.tables import core_metadata, platform_table

fences = platform_table(
    "fences",
    core_metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),
    reason="A lock's name is the platform's; its tokens must rise across organisations and restarts.",
)


class DatabaseFences:
    """See `bharat.contracts.platform.Fences`. One upsert a token; the row lock makes concurrent callers queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        self._issue = (
            insert(fences)
            .values(name=sa.bindparam("fence_name"), token=1)
            .on_conflict_do_update(index_elements=[fences.c.name], set_={"token": fences.c.token + 1})
            .returning(fences.c.token)
        )

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        with self._database.write(None, SYSTEM, wait=True if wait is None else wait) as unit:
            return int(unit.execute(self._issue, {"fence_name": name}).scalar_one())
