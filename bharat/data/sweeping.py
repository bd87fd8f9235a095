"""Deleting what has ended, a little at a time, so that writers get their turn: SQLite has only one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM

BATCH = 1000
"""Rows deleted in one transaction."""


def sweep(database: Database, organisation_id: UUID | None, table: sa.Table, ended: sa.ColumnElement[bool]) -> int:
    """Delete an organisation's rows, or the platform's (`None`), that have `ended`; how many.

    They are looked for in a read, which holds up nobody; where there are none nothing is written."""
    columns = tuple(table.primary_key.columns)
    find = sa.select(*columns).where(ended).limit(BATCH)
    delete = _delete(table, ended)
    deleted = 0
    while True:
        found = database.read(organisation_id).rows(find)
        if not found:
            return deleted
        keys = [row[0] if len(columns) == 1 else tuple(row) for row in found]
        with database.write(organisation_id, SYSTEM) as unit:
            count = unit.execute(delete, {"ended": keys}).rowcount
        deleted += count
        # None of a whole batch was left: others sweep, and will see to the rest.
        if len(found) < BATCH or not count:
            return deleted


def _delete(table: sa.Table, ended: sa.ColumnElement[bool]) -> sa.Delete:
    """What was found is asked again whether it has ended: a row may have been given a new life since."""
    columns = tuple(table.primary_key.columns)
    key: Any = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
    return table.delete().where(key.in_(sa.bindparam("ended", expanding=True)), ended)
