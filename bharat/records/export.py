"""Records as CSV (RFC 4180), read by pages of keys and given out as they come: memory does not grow with their number.

Every field of a record is a column, custom fields too (`custom.<name>`), and beside the id of what a record refers to stands its
title. Importing the file again by `id` changes nothing. No cell is a formula (`bharat.records.csv_cells`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.permissions import Permissions
from bharat.accounts.tables import teams, users
from bharat.contracts.database import Reader
from bharat.contracts.principal import Principal
from bharat.records.attributes import CUSTOM, Attribute
from bharat.records.csv_cells import neutral
from bharat.records.custom_fields import Definitions
from bharat.records.kinds import BooleanKind, ChoiceKind, Kind, TextKind
from bharat.records.kit import Kit
from bharat.records.queries import Record
from bharat.records.resource import Resource
from bharat.records.selection import Grammar, Selection
from bharat.records.tables import TEAM, USER

BATCH = 100
"""Records that are read and written out before others get a turn (`Queries.every`)."""
_LEFT_OUT = frozenset({"deleted_at"})


def export(
    kit: Kit, name: str, reader: Reader, principal: Principal | None, selection: Selection, *, verb: str = "export"
) -> Iterator[bytes]:
    """The header and the records of `selection` that the principal may export, in UTF-8, as chunks of whole lines.

    Raises `Forbidden` at the first chunk."""
    records = kit.records(name)
    resource = records.resource
    definitions = Definitions.load(reader, name)
    columns = [each for each in resource.attributes if each.name not in _LEFT_OUT]
    titles = {each.name: _Titles(kit, each.to, principal) for each in columns if each.to and each.name.endswith("_id")}
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(_header(columns, titles, definitions))
    every = records.queries.every(reader, principal, selection, verb=verb, batch=BATCH)
    while batch := list(islice(every, BATCH)):
        for attribute, found in titles.items():
            found.load(reader, (record[attribute] for record in batch))
        writer.writerows(_row(record, columns, titles, definitions) for record in batch)
        yield _taken(buffer)
    if buffer.tell():
        yield _taken(buffer)


def export_selected(
    kit: Kit, name: str, reader: Reader, principal: Principal | None, raw_query: str
) -> Iterator[bytes]:
    """The same for the filters of a query string, as lists take them. Raises `Malformed` at once."""
    resource = kit.records(name).resource

    def custom() -> Mapping[str, Attribute]:
        return Definitions.load(reader, name).attributes(resource.table, kit.database.dialect)

    return export(kit, name, reader, principal, Grammar(resource, page=False).parse(raw_query, custom))


def _header(columns: Sequence[Attribute], titles: Mapping[str, object], definitions: Definitions) -> list[str]:
    found: list[str] = []
    for each in columns:
        found.append(each.name)
        if each.name in titles:
            found.append(each.name.removesuffix("_id"))
    return [*found, *(f"{CUSTOM}.{name}" for name in definitions.kinds)]


def _row(
    record: Record, columns: Sequence[Attribute], titles: Mapping[str, _Titles], definitions: Definitions
) -> list[str]:
    found: list[str] = []
    for each in columns:
        value = record[each.name]
        found.append(_cell(each.kind, None if value is None else each.kind.give(value)))
        if each.name in titles:
            found.append(neutral(titles[each.name].of(value)))
    custom = record[CUSTOM]
    return [*found, *(_cell(kind, custom.get(name)) for name, kind in definitions.kinds.items())]


def _cell(kind: Kind, value: Any) -> str:
    """A JSON value of a kind. Numbers and dates are what they look like; a negative number is no formula."""
    if value is None:
        return ""
    if isinstance(kind, BooleanKind):
        return "true" if value else "false"
    return neutral(value) if isinstance(kind, TextKind | ChoiceKind) else str(value)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


class _Titles:
    """The titles of what one field refers to, for one batch of records; empty for what the principal may not see."""

    def __init__(self, kit: Kit, to: str, principal: Principal | None) -> None:
        self._found: dict[UUID, str] = {}
        if to in (USER, TEAM):
            table = users if to == USER else teams
            self._select = sa.select(table.c.id, table.c.name)
            self._id = table.c.id
            if principal is not None and not kit.permissions.allows(principal, f"{table.name}:read"):
                self._select = self._select.where(sa.false())
            return
        resource = kit.records(to).resource
        self._id = resource.table.c.id
        self._select = sa.select(self._id, resource.table.c[resource.type.title])
        visible = _visible(kit.permissions, resource, principal)
        if visible is not None:
            self._select = self._select.where(visible)

    def load(self, reader: Reader, ids: Iterable[UUID | None]) -> None:
        wanted = {id for id in ids if id is not None}
        self._found = {}
        if wanted:
            self._found = dict(map(tuple, reader.rows(self._select.where(self._id.in_(sorted(wanted))))))

    def of(self, id: UUID | None) -> str:
        return self._found.get(id, "") if id is not None else ""


def _visible(
    permissions: Permissions, resource: Resource, principal: Principal | None
) -> sa.ColumnElement[bool] | None:
    if principal is None:
        return None
    if not permissions.allows(principal, f"{resource.plural}:read"):
        return sa.false()
    return permissions.row_filter(principal, resource.table, resource.plural, "read")
