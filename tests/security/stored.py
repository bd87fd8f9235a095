"""Whether something was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.data.tables import tenancy_of
from tests.fixtures.application import Site

VOLATILE = frozenset({"sessions", "limit_counters", "limit_buckets", "api_keys"})
"""Tables that a refused request may change: attempts are counted, and the use of a session or key is noted."""

_SET = sa.select(sa.func.set_config("bharat.organisation", sa.bindparam("id", type_=sa.Text), True))


class Stored:
    """Counts the rows of every table, and adds up their versions."""

    def __init__(self, site: Site) -> None:
        self._engine = site.app.database.engine
        columns = []
        for table in site.app.schema.metadata.sorted_tables:
            if table.name in VOLATILE or tenancy_of(table) is None:
                continue
            columns.append(sa.select(sa.func.count()).select_from(table).scalar_subquery().label(table.name))
            if "version" in table.c:
                columns.append(sa.select(sa.func.sum(table.c.version)).scalar_subquery().label(f"{table.name}_version"))
        self._counts = sa.select(*columns)

    def now(self, organisations: Iterable[UUID]) -> tuple[Any, ...]:
        """What these organisations have stored; equal to an earlier answer when nothing was written in between."""
        found = []
        with self._engine.connect() as connection:
            for organisation in organisations:
                if connection.dialect.name == "postgresql":
                    connection.execute(_SET, {"id": str(organisation)})
                found.append(tuple(connection.execute(self._counts).one()))
        return tuple(found)
