"""Pages by key: which order a list has, and what comes after the row where a page ended.

The order always ends in the id, so no two rows tie. What has no value comes last in either direction, on both databases. A list
whose first sort field may be null is read in two parts, the rows with a value and then those without: each part is one
range of an index, which `NULLS LAST` and `IS NULL` expressions would not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from bharat.records.attributes import Attribute

Part = Literal["all", "values", "nulls"]


@dataclass(frozen=True, slots=True)
class SortKey:
    column: sa.ColumnElement[Any]
    descending: bool
    nullable: bool
    stored: type


class Order:
    """The order of a list. `keys` ends with the id, in the direction of the first key."""

    def __init__(self, sort: Sequence[tuple[Attribute, bool]], id_column: sa.ColumnElement[Any]) -> None:
        keys: list[SortKey] = []
        for attribute, descending in sort:
            keys.append(SortKey(attribute.order, descending, not attribute.required, attribute.kind.stored))
            if attribute.name == "id":
                break
        else:
            keys.append(SortKey(id_column, sort[0][1], False, UUID))
        self.keys = tuple(keys)

    @property
    def parts(self) -> tuple[Part, ...]:
        return ("values", "nulls") if self.keys[0].nullable else ("all",)

    def within(self, part: Part) -> sa.ColumnElement[bool] | None:
        """What limits the list to a part."""
        first = self.keys[0].column
        match part:
            case "values":
                return first.is_not(None)
            case "nulls":
                return first.is_(None)
            case _:
                return None

    def by(self, part: Part) -> list[sa.ColumnElement[Any]]:
        found: list[sa.ColumnElement[Any]] = []
        for key in self._ordering(part):
            if key.nullable:
                found.append(sa.case((key.column.is_(None), 1), else_=0))
            found.append(key.column.desc() if key.descending else key.column.asc())
        return found

    def after(self, part: Part, nulls: Sequence[bool]) -> sa.ColumnElement[bool]:
        """The rows of a part that come after the key given as parameters `k0`, `k1`, …; `nulls` says which of them are null."""
        keys = [
            (key, sa.bindparam(f"k{number}", type_=key.column.type), nulls[number])
            for number, key in enumerate(self.keys)
            if not (part == "nulls" and number == 0)
        ]
        if not any(nulls[-len(keys) :]) and len({key.descending for key, _, _ in keys}) == 1:
            # The first key of the part "values" is never null there; a later one may be, and counts as greatest.
            if part != "nulls":
                keys = [(replace(keys[0][0], nullable=False), *keys[0][1:]), *keys[1:]]
            if not any(key.nullable for key, _, _ in keys):
                left, right = (
                    sa.tuple_(*(key.column for key, _, _ in keys)),
                    sa.tuple_(*(value for _, value, _ in keys)),
                )
                return left < right if keys[0][0].descending else left > right
        alternatives: list[sa.ColumnElement[bool]] = []
        equal: list[sa.ColumnElement[bool]] = []
        for key, value, null in keys:
            beyond = _beyond(key, value, null)
            if beyond is not None:
                alternatives.append(sa.and_(*equal, beyond))
            equal.append(key.column.is_(None) if null else key.column == value)
        found = sa.or_(*alternatives)
        first, value, null = keys[0]
        if part != "nulls" and not null:
            # Says nothing new, but gives the index a place to begin.
            found = sa.and_(first.column <= value if first.descending else first.column >= value, found)
        return found

    def _ordering(self, part: Part) -> Sequence[SortKey]:
        if part == "all":
            return self.keys
        first, *rest = self.keys
        return rest if part == "nulls" else (replace(first, nullable=False), *rest)


def _beyond(key: SortKey, value: Any, null: bool) -> sa.ColumnElement[bool] | None:
    if null:
        return None
    found: sa.ColumnElement[bool] = key.column < value if key.descending else key.column > value
    return sa.or_(found, key.column.is_(None)) if key.nullable else found
