"""Which rows of a file are in the database already: one statement for each batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from bharat.accounts.permissions import rows_of
from bharat.contracts.database import Unit
from bharat.contracts.principal import Principal, Visibility
from bharat.data.row_locks import locked
from bharat.records.attributes import Attribute
from bharat.records.queries import Record
from bharat.records.resource import Resource

Key = tuple[Any, ...]


class Matcher:
    """Finds live records by the values of `key` among those that `principal` (`None`: the system) reaches; text compares
    case-insensitively, as unique fields do."""

    def __init__(
        self, resource: Resource, key: Sequence[str], principal: Principal | None, visibility: Visibility
    ) -> None:
        self.optional = tuple(key) == ("id",)
        """A row without an id is a new one; a row without another key is a mistake."""
        self._resource = resource
        self._attributes: tuple[Attribute, ...] = tuple(resource.by_name[name] for name in key)
        # What the caller does not reach is not there for it: a refusal would tell that it is, and so would a wait for its lock.
        self._reached = None if principal is None else rows_of(principal, resource.table, visibility)

    def key_of(self, values: Record) -> Key | None:
        """The key of a record or of a draft's values; `None` when a part of it has no value."""
        found = tuple(
            value.casefold() if isinstance(value, str) and attribute.key is not None else value
            for attribute, value in ((each, values.get(each.name)) for each in self._attributes)
        )
        return None if None in found else found

    def find(self, unit: Unit, keys: Iterable[Key]) -> dict[Key, list[Record]]:
        """The records that have one of the keys, locked until the unit ends, in the order of their ids so that two imports
        do not wait for each other in a ring."""
        wanted = set(keys)
        found: dict[Key, list[Record]] = {}
        if not wanted:
            return found
        # Several fields: each is limited apart, and the rows that match across are sorted out here.
        criteria: list[sa.ColumnElement[bool]] = [
            attribute.order.in_(sorted({key[position] for key in wanted}))
            for position, attribute in enumerate(self._attributes)
        ]
        if self._reached is not None:
            criteria.append(self._reached)
        table = self._resource.table
        statement = (
            sa.select(*self._resource.columns).where(table.c.deleted_at.is_(None), *criteria).order_by(table.c.id)
        )
        for row in unit.rows(locked(statement, "change")):
            record = dict(zip(self._resource.names, row, strict=True))
            key = self.key_of(record)
            if key in wanted and key is not None:
                found.setdefault(key, []).append(record)
        return found
