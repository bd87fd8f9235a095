"""Reading records: one, a page, all, how many, how much; always through the caller's visibility.

Statements are made once per shape (which filters, which sort, whose visibility) and run with values, so that a request builds
none. Everything here takes a `Reader` or a `Unit` and knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from bharat.accounts.permissions import Permissions, viewer_parameters, visible_rows
from bharat.contracts.database import Database, Reader, Unit
from bharat.contracts.errors import Forbidden
from bharat.contracts.principal import Principal, Visibility
from bharat.data.row_locks import Lock, locked
from bharat.data.turns import give_way
from bharat.records.attributes import Attribute
from bharat.records.conditions import OPEN_RANGES, Condition, contains, like_word
from bharat.records.cursors import Cursors
from bharat.records.kept import Kept
from bharat.records.kinds import DecimalKind
from bharat.records.paging import Order, Part
from bharat.records.resource import Resource
from bharat.records.selection import Selection
from bharat.records.tables import SEARCH_TEXT

Record = dict[str, Any]
"""A record as stored values by name: UUID, datetime, date, Decimal, str, int, bool, and the document of custom fields."""

_SPLIT = 10**9


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Record]
    next_cursor: str | None
    total: int | None = None


class Queries:
    """The reads of one type."""

    def __init__(
        self, resource: Resource, database: Database, permissions: Permissions, cursors: Cursors, kept: Kept
    ) -> None:
        self._resource = resource
        self._database = database
        self._permissions = permissions
        self._cursors = cursors
        self._kept = kept

    def visibility(self, principal: Principal | None, verb: str) -> Visibility:
        """Which rows the principal reaches; all for the system. Raises `Forbidden` for none."""
        if principal is None:
            return Visibility.ALL
        found = self._permissions.visibility(principal, self._resource.plural, verb)
        if found is Visibility.NONE:
            self._permissions.require(principal, f"{self._resource.plural}:{verb}")
            raise Forbidden("This is not allowed.")
        return found

    def one(
        self,
        reader: Reader,
        principal: Principal | None,
        id: UUID,
        *,
        verb: str = "read",
        deleted: bool | None = False,
        lock: Lock | None = None,
    ) -> Record | None:
        """The record, or `None` when there is none that the principal reaches with `verb`.

        `deleted`: whether it must be live (`False`), deleted (`True`) or either. `lock` keeps others from changing it until
        the unit ends, and with `delete` from referring to it."""
        visibility = self.visibility(principal, verb)
        statement = self._made(("one", visibility, deleted, lock), lambda: self._one(visibility, deleted, lock))
        parameters = {"record": id}
        if principal is not None and visibility is not Visibility.ALL:
            parameters.update(viewer_parameters(principal, visibility))
        row = reader.row(statement, parameters)
        return None if row is None else dict(zip(self._resource.names, row, strict=True))

    def hold(self, unit: Unit, principal: Principal | None, ids: Collection[UUID], *, verb: str = "write") -> None:
        """Keep others from changing those of the records that the principal reaches, until the unit ends. They are held in the
        order of their ids, so that of two that hold some of the same one waits, rather than each for the other."""
        visibility = self.visibility(principal, verb)
        statement = self._made(("hold", visibility), lambda: self._held(visibility))
        parameters: dict[str, Any] = {"records": sorted(ids)}
        if principal is not None and visibility is not Visibility.ALL:
            parameters.update(viewer_parameters(principal, visibility))
        unit.rows(statement, parameters)

    def page(self, reader: Reader, principal: Principal | None, selection: Selection, *, verb: str = "read") -> Page:
        """One page. Raises `Malformed` for a cursor that is not of this list."""
        visibility, context = self._reach(principal, selection, verb), self._context(reader, selection)
        order = self._order(selection)
        parts, after = order.parts, None
        if selection.cursor is not None:
            part, *key = self._cursors.read(context, selection.cursor)
            parts, after = parts[parts.index(part) :], self._stored(order, key)
        values = self._values(principal, visibility, selection)
        names = selection.fields or self._resource.names
        rows: list[tuple[Part, sa.Row[Any]]] = []
        for part in parts:
            wanted = selection.limit + 1 - len(rows)
            nulls = None if after is None else tuple(value is None for value in after)
            shape = (*self._shape(selection, visibility), "page", selection.fields, _sort_names(selection), part, nulls)
            statement = self._made(shape, partial(self._page, selection, visibility, order, part, nulls, names))
            given = {**values, "row_limit": wanted}
            if after is not None:
                given.update((f"k{number}", value) for number, value in enumerate(after))
            rows += ((part, row) for row in reader.rows(statement, given))
            after = None
            if len(rows) > selection.limit:
                break
        cursor = None
        if len(rows) > selection.limit:
            part, row = rows[selection.limit - 1]
            key = [msgspec.to_builtins(row[place]) for place in self._key_columns(order, names)[1]]
            cursor = self._cursors.write(context, [part, *key])
            del rows[selection.limit :]
        total = self.count(reader, principal, selection, verb=verb) if selection.total else None
        # What is needed of the sort key and not shown lies behind the fields that are.
        return Page([dict(zip(names, row)) for _, row in rows], cursor, total)  # noqa: B905

    def every(
        self, reader: Reader, principal: Principal | None, selection: Selection, *, verb: str = "read", batch: int = 100
    ) -> Iterator[Record]:
        """All records of a selection in its order, read in batches: memory does not grow with their number, and others get
        a turn between two batches."""
        selection = replace(selection, limit=batch, total=False)
        while True:
            page = self.page(reader, principal, selection, verb=verb)
            yield from page.items
            if page.next_cursor is None:
                return
            selection = replace(selection, cursor=page.next_cursor)
            give_way()

    def count(self, reader: Reader, principal: Principal | None, selection: Selection, *, verb: str = "read") -> int:
        """How many records match."""
        visibility = self._reach(principal, selection, verb)
        statement = self._made(
            (*self._shape(selection, visibility), "count"),
            lambda: self._limited(sa.select(sa.func.count()).select_from(self._resource.table), selection, visibility),
        )
        return int(reader.scalar(statement, self._values(principal, visibility, selection)))

    def totals(
        self, reader: Reader, principal: Principal | None, selection: Selection, *, verb: str = "read"
    ) -> tuple[int, dict[str, Any]]:
        """How many records match, and the sum of each number (`None` without any value) and of each money by currency."""
        visibility = self._reach(principal, selection, verb)
        values = self._values(principal, visibility, selection)
        shape = self._shape(selection, visibility)
        monies = dict(self._resource.money)
        numbers = [
            each for each in self._resource.attributes if isinstance(each.kind, DecimalKind) and each.name not in monies
        ]
        columns = [column for each in numbers for column in self._sums(each.column)]
        statement = self._made(
            (*shape, "numbers"),
            lambda: self._limited(
                sa.select(sa.func.count(), *columns).select_from(self._resource.table), selection, visibility
            ),
        )
        row = reader.rows(statement, values)[0]
        sums: dict[str, Any] = {}
        for number, each in enumerate(numbers):
            sums[each.name] = self._summed(each.kind, row[1 + 2 * number : 3 + 2 * number])
        for amount, currency in monies.items():
            by = self._resource.by_name[currency].column
            attribute = self._resource.by_name[amount]
            statement = self._made(
                (*shape, "money", amount), partial(self._money, selection, visibility, attribute, by)
            )
            sums[amount] = [
                {"currency": one[0], "sum": self._summed(attribute.kind, one[1:3])}
                for one in reader.rows(statement, values)
            ]
        return int(row[0]), sums

    def _money(
        self, selection: Selection, visibility: Visibility, amount: Attribute, currency: sa.ColumnElement[Any]
    ) -> sa.Select[Any]:
        statement = sa.select(currency, *self._sums(amount.column)).select_from(self._resource.table)
        grouped = statement.where(currency.is_not(None)).group_by(currency).order_by(currency)
        return self._limited(grouped, selection, visibility)

    def _sums(self, column: sa.ColumnElement[Any]) -> Sequence[sa.ColumnElement[Any]]:
        """Two columns that `_summed` makes one of. SQLite adds scaled integers and refuses what passes 64 bits, so it adds
        the upper and lower digits apart."""
        if self._database.dialect == "postgresql":
            return sa.func.sum(column), sa.literal(0)
        raw = sa.type_coerce(column, sa.BigInteger)
        return sa.func.sum(raw.op("/")(_SPLIT)), sa.func.sum(raw.op("%")(_SPLIT))

    def _summed(self, kind: Any, parts: Sequence[Any]) -> Decimal | None:
        if parts[0] is None:
            return None
        if self._database.dialect == "postgresql":
            return Decimal(parts[0])
        return Decimal(int(parts[0]) * _SPLIT + int(parts[1])).scaleb(-kind.scale)

    def _reach(self, principal: Principal | None, selection: Selection, verb: str) -> Visibility:
        return self.visibility(principal, "delete" if selection.deleted else verb)

    def _context(self, reader: Reader, selection: Selection) -> str:
        return f"{reader.organisation_id} {selection.context}"

    def _order(self, selection: Selection) -> Order:
        key = (self._resource.name, "order", _sort_names(selection))
        found: Order = self._kept.get(key, lambda: Order(selection.sort, self._resource.table.c.id))
        return found

    def _stored(self, order: Order, key: Sequence[Any]) -> list[Any]:
        """The values of a cursor as stored values."""
        return [
            None if value is None else msgspec.convert(value, sort.stored)
            for sort, value in zip(order.keys, key, strict=True)
        ]

    def _shape(self, selection: Selection, visibility: Visibility) -> tuple[Any, ...]:
        return (
            visibility, selection.deleted, len(selection.words), *(condition.shape for condition in selection.conditions)
        )  # fmt: skip

    def _values(self, principal: Principal | None, visibility: Visibility, selection: Selection) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if principal is not None and visibility is not Visibility.ALL:
            values.update(viewer_parameters(principal, visibility))
        for number, condition in enumerate(selection.conditions):
            values.update(condition.parameters(f"p{number}"))
        for number, word in enumerate(selection.words):
            values[f"w{number}"] = like_word(word)
        return values

    def _made(self, shape: Any, make: Callable[[], sa.Select[Any]]) -> sa.Select[Any]:
        key = (self._resource.name, "statement", shape)
        statement: sa.Select[Any] = self._kept.get(key, lambda: self._database.prepare(make()))
        return statement

    def _limited(self, statement: sa.Select[Any], selection: Selection, visibility: Visibility) -> sa.Select[Any]:
        table = self._resource.table
        gone = table.c.deleted_at
        statement = statement.where(gone.is_not(None) if selection.deleted else gone.is_(None))
        if (criterion := visible_rows(table, visibility)) is not None:
            statement = statement.where(criterion)
        for number, condition in enumerate(selection.conditions):
            statement = statement.where(self._weighed(condition, condition.expression(f"p{number}"), selection))
        for number in range(len(selection.words)):
            statement = statement.where(contains(table.c[SEARCH_TEXT], f"w{number}"))
        return statement

    def _weighed(
        self, condition: Condition, expression: sa.ColumnElement[bool], selection: Selection
    ) -> sa.ColumnElement[bool]:
        """SQLite takes any range to be rare, reads all of it by its index and sorts, so that a page costs as much as the
        table. It is told that an open range on other than the sort field is common: then it walks in the order asked for."""
        if (
            self._database.dialect == "postgresql"
            or condition.op not in OPEN_RANGES
            or condition.attribute is selection.sort[0][0]
            or sum(other.attribute is condition.attribute for other in selection.conditions) > 1
        ):
            return expression
        return sa.func.likely(expression, type_=sa.Boolean)

    def _page(
        self,
        selection: Selection,
        visibility: Visibility,
        order: Order,
        part: Part,
        nulls: Sequence[bool] | None,
        names: Sequence[str],
    ) -> sa.Select[Any]:
        columns, _ = self._key_columns(order, names)
        statement = self._limited(sa.select(*columns), selection, visibility)
        if (within := order.within(part)) is not None:
            statement = statement.where(within)
        if nulls is not None:
            statement = statement.where(order.after(part, nulls))
        return statement.order_by(*order.by(part)).limit(sa.bindparam("row_limit", type_=sa.Integer))

    def _key_columns(self, order: Order, names: Sequence[str]) -> tuple[list[sa.ColumnElement[Any]], list[int]]:
        """The columns of a page, and where among them the values of the sort key are: a key that is shown is fetched once,
        because turning a page of ids into UUIDs takes a tenth of a list's time."""
        shown: Mapping[str, Any] = dict(zip(self._resource.names, self._resource.columns, strict=True))
        columns: list[sa.ColumnElement[Any]] = [shown[name] for name in names]
        places: list[int] = []
        for number, key in enumerate(order.keys):
            place = next((at for at, column in enumerate(columns) if column is key.column), None)
            if place is None:
                place = len(columns)
                columns.append(key.column.label(f"key{number}"))
            places.append(place)
        return columns, places

    def _one(self, visibility: Visibility, deleted: bool | None, lock: Lock | None) -> sa.Select[Any]:
        table = self._resource.table
        statement = sa.select(*self._resource.columns).where(table.c.id == sa.bindparam("record", type_=sa.Uuid))
        if deleted is not None:
            statement = statement.where(table.c.deleted_at.is_not(None) if deleted else table.c.deleted_at.is_(None))
        if (criterion := visible_rows(table, visibility)) is not None:
            statement = statement.where(criterion)
        return locked(statement, lock)

    def _held(self, visibility: Visibility) -> sa.Select[Any]:
        table = self._resource.table
        wanted = sa.bindparam("records", type_=sa.Uuid, expanding=True)
        statement = sa.select(table.c.id).where(table.c.id.in_(wanted)).order_by(table.c.id)
        if (criterion := visible_rows(table, visibility)) is not None:
            statement = statement.where(criterion)
        return locked(statement, "change")


def _sort_names(selection: Selection) -> tuple[tuple[str, bool], ...]:
    return tuple((attribute.name, descending) for attribute, descending in selection.sort)


__all__ = ["Page", "Queries", "Record"]
