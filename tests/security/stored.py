"""Whether something was written."""

from __future__ import annotations

import weakref
from typing import Any

import sqlalchemy as sa

from bharat.data.engine import create_engine
from bharat.data.tables import tenancy_of
from tests.fixtures.application import Site

VOLATILE = frozenset({"sessions", "limit_counters", "limit_buckets", "api_keys"})
"""Tables that a refused request may change: attempts are counted, and the use of a session or key is noted."""


class Stored:
    """Counts the rows of every table, whosever they are, and adds up their versions. It looks as the owner of the tables, whom
    row-level security does not bind."""

    def __init__(self, site: Site) -> None:
        assert site.owner is not None
        self._engine = create_engine(site.owner, autocommit=True)
        weakref.finalize(self, self._engine.dispose)
        columns = []
        for table in site.app.schema.metadata.sorted_tables:
            if table.name in VOLATILE or tenancy_of(table) is None:
                continue
            columns.append(sa.select(sa.func.count()).select_from(table).scalar_subquery().label(table.name))
            if "version" in table.c:
                columns.append(sa.select(sa.func.sum(table.c.version)).scalar_subquery().label(f"{table.name}_version"))
        self._counts = sa.select(*columns)

    def now(self) -> tuple[Any, ...]:
        """What is stored; equal to an earlier answer when nothing was written in between."""
        with self._engine.connect() as connection:
            return tuple(connection.execute(self._counts).one())
