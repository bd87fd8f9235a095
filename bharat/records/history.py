"""A record's history: its audit entries, for whoever may see the record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Reader
from bharat.contracts.errors import Forbidden, NotFound
from bharat.contracts.principal import Principal
from bharat.data.audit import audit_entries
from bharat.records.collection import Records
from bharat.records.cursors import Cursors

_FIELDS = ("id", "at", "actor_kind", "actor_id", "request_id", "action", "changes")


class History:
    """The history of one type's records."""

    def __init__(self, records: Records, cursors: Cursors, database: Database) -> None:
        self._records = records
        self._cursors = cursors
        entries = audit_entries.c
        newest = (
            sa.select(*(entries[name] for name in _FIELDS))
            .where(
                entries.subject_type == sa.bindparam("type", type_=sa.String),
                entries.subject_id == sa.bindparam("record", type_=sa.Uuid),
            )
            .order_by(entries.id.desc())
            .limit(sa.bindparam("row_limit", type_=sa.Integer))
        )
        self._first = database.prepare(newest)
        self._next = database.prepare(newest.where(entries.id < sa.bindparam("before", type_=sa.Uuid)))

    def page(
        self, reader: Reader, principal: Principal | None, id: UUID, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Entries, newest first. Raises `NotFound` for a record that the principal may not see; the history of a deleted one
        is for those who may delete."""
        if not self._visible(reader, principal, id):
            raise NotFound(f"There is no such {self._records.resource.label}, or none that you may see.")
        context = f"{reader.organisation_id} history {id}"
        values: dict[str, Any] = {"type": self._records.resource.name, "record": id, "row_limit": limit + 1}
        statement = self._first
        if cursor is not None:
            statement = self._next
            values["before"] = UUID(self._cursors.read(context, cursor)[0])
        rows = list(reader.rows(statement, values))
        following = self._cursors.write(context, [str(rows[limit - 1].id)]) if len(rows) > limit else None
        items = [dict(zip(_FIELDS, row, strict=True)) for row in rows[:limit]]
        return {"items": items, "next_cursor": following}

    def _visible(self, reader: Reader, principal: Principal | None, id: UUID) -> bool:
        queries = self._records.queries
        if queries.one(reader, principal, id) is not None:
            return True
        try:
            return queries.one(reader, principal, id, verb="delete", deleted=True) is not None
        except Forbidden:
            return False
