"""One filter of a list as an expression with parameters, so that the statement can be made once and run with any value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bharat.records.attributes import Attribute

OPEN_RANGES = frozenset({"gt", "gte", "lt", "lte"})


@dataclass(frozen=True, slots=True)
class Condition:
    """`attribute op value`. For `in` the value is a list, for `null` a bool. A condition on a custom field carries the
    expression that reads it, in an attribute made for the occasion."""

    attribute: Attribute
    op: str
    value: Any
    custom: bool = False

    @property
    def shape(self) -> tuple[Any, ...]:
        """What tells statements apart; the value does not, unless it decides the form."""
        kind = type(self.attribute.kind).__name__ if self.custom else ""
        return (self.attribute.name, kind, self.op, self.value if self.op == "null" else None)

    @property
    def excludes_null(self) -> bool:
        return self.op not in ("ne", "null") or (self.op == "null" and not self.value)

    def parameters(self, name: str) -> dict[str, Any]:
        match self.op:
            case "null":
                return {}
            case "prefix":
                start = self.value.casefold()
                return {name: start, f"{name}_end": after_prefix(start)}
            case "in" if self.attribute.key is not None:
                return {name: self.value, f"{name}_key": [one.casefold() for one in self.value]}
            case "eq" if self.attribute.key is not None:
                return {name: self.value, f"{name}_key": self.value.casefold()}
            case _:
                return {name: self.value}

    def expression(self, name: str) -> sa.ColumnElement[bool]:
        attribute, column = self.attribute, self.attribute.column
        value: sa.BindParameter[Any] = sa.bindparam(name, type_=column.type)
        match self.op:
            case "eq":
                found = column == value
                if attribute.key is not None:
                    # The index is on the key; the column decides.
                    found = sa.and_(attribute.key == sa.bindparam(f"{name}_key", type_=attribute.key.type), found)
                return found
            case "ne":
                # What has no value is not that value either.
                return column != value if attribute.required else sa.or_(column != value, column.is_(None))
            case "gt":
                return column > value
            case "gte":
                return column >= value
            case "lt":
                return column < value
            case "lte":
                return column <= value
            case "in":
                found = column.in_(sa.bindparam(name, type_=column.type, expanding=True))
                if attribute.key is not None:
                    keys = sa.bindparam(f"{name}_key", type_=attribute.key.type, expanding=True)
                    found = sa.and_(attribute.key.in_(keys), found)
                return found
            case "null":
                return column.is_(None) if self.value else column.is_not(None)
            case "prefix":
                assert attribute.key is not None
                end = sa.bindparam(f"{name}_end", type_=attribute.key.type)
                start = sa.bindparam(name, type_=attribute.key.type)
                # A range, not LIKE: under row-level security PostgreSQL uses the index for this one only.
                return sa.and_(attribute.key >= start, attribute.key < end)
        raise AssertionError(self.op)


def after_prefix(start: str) -> str:
    """The least text that is greater than every text beginning with `start`, by code point."""
    kept = start.rstrip("\U0010ffff")
    if not kept:
        return start + "\U0010ffff"
    last = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if last == 0xD800 else last)


_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def contains(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """`column` holds the word given as `like_word`."""
    return column.like(sa.bindparam(name, type_=sa.Text), escape="\\")


def like_word(word: str) -> str:
    return f"%{word.casefold().translate(_LIKE)}%"
