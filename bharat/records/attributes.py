"""What a record has, one attribute per name in its JSON: declared fields, a money's currency, and what every record has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bharat.contracts.records import (
    AccessPolicy,
    AnyField,
    Boolean,
    Choice,
    Date,
    Instant,
    Integer,
    Money,
    Number,
    RecordType,
    Reference,
    Text,
)
from bharat.records.kinds import CurrencyKind, IdKind, InstantKind, IntegerKind, Kind, kind_of
from bharat.records.tables import TEAM, USER, currency_name, key_name, keyed_fields

CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`writable`: a client may set it. `to`: the type it refers to. `key`: the column that compares and sorts a text.
    `required`: never null. `default` is a JSON value, used on create."""

    name: str
    kind: Kind
    column: sa.ColumnElement[Any]
    required: bool = False
    writable: bool = False
    sortable: bool = False
    filters: tuple[str, ...] = ()
    to: str | None = None
    restricts: bool = False
    key: sa.ColumnElement[Any] | None = None
    default: Any = None
    description: str = ""

    @property
    def order(self) -> sa.ColumnElement[Any]:
        """The column that a sort by this attribute orders by."""
        return self.column if self.key is None else self.key


def attributes_of(type: RecordType, table: sa.Table) -> tuple[Attribute, ...]:
    """In the order in which they appear in JSON; the custom fields are not among them."""
    keyed = keyed_fields(type)
    declared: list[Attribute] = []
    for field in type.fields:
        declared += _declared(field, table, table.c[key_name(field.name)] if field.name in keyed else None)
    return (*_first(table), *declared, *_owners(type, table), *_last(table))


def _declared(field: AnyField, table: sa.Table, key: sa.Column[Any] | None) -> Sequence[Attribute]:
    kind = kind_of(field)
    filters = kind.ops
    if filters and key is not None:
        filters = (*filters, "prefix")
    if not field.required:
        filters = (*filters, "null")
    default = field.default if isinstance(field, Text | Integer | Number | Boolean | Choice) else None
    main = Attribute(
        name=field.name,
        kind=kind,
        column=table.c[field.name],
        required=field.required,
        writable=not field.read_only,
        sortable=isinstance(field, Integer | Number | Money | Boolean | Date | Instant | Choice) or key is not None,
        filters=filters,
        to=field.to if isinstance(field, Reference) else None,
        restricts=isinstance(field, Reference) and field.on_delete == "restrict",
        key=key,
        default=default,
        description=field.description,
    )
    if not isinstance(field, Money):
        return [main]
    name = currency_name(field.name)
    currency = CurrencyKind()
    return [
        main,
        Attribute(
            name=name,
            kind=currency,
            column=table.c[name],
            required=field.required,
            writable=not field.read_only,
            filters=currency.ops if field.required else (*currency.ops, "null"),
            description=f"ISO 4217 code of the currency of {field.name}.",
        ),
    ]


def _first(table: sa.Table) -> Sequence[Attribute]:
    return [
        Attribute(name="id", kind=IdKind(), column=table.c.id, required=True, sortable=True, filters=("eq", "in")),
        Attribute(name="version", kind=IntegerKind(1), column=table.c.version, required=True),
    ]


def _owners(type: RecordType, table: sa.Table) -> Sequence[Attribute]:
    if type.access is not AccessPolicy.OWNED:
        return []
    ops = (*IdKind.ops, "null")
    return [
        Attribute(
            name="owner_id", kind=IdKind(), column=table.c.owner_id, writable=True, filters=ops, to=USER,
            description="The user whose record it is; on create the caller, unless given.",
        ),
        Attribute(
            name="team_id", kind=IdKind(), column=table.c.team_id, writable=True, filters=ops, to=TEAM,
            description="The team whose record it is; the owner's, unless given.",
        ),
    ]  # fmt: skip


def _last(table: sa.Table) -> Sequence[Attribute]:
    instants = tuple(op for op in InstantKind.ops if op not in ("ne", "in"))
    return [
        Attribute(
            name="created_at", kind=InstantKind(), column=table.c.created_at, required=True, sortable=True, filters=instants
        ),
        Attribute(name="created_by", kind=IdKind(), column=table.c.created_by, filters=(*IdKind.ops, "null")),
        Attribute(
            name="updated_at", kind=InstantKind(), column=table.c.updated_at, required=True, sortable=True, filters=instants
        ),
        Attribute(name="updated_by", kind=IdKind(), column=table.c.updated_by, filters=(*IdKind.ops, "null")),
        Attribute(name="deleted_at", kind=InstantKind(), column=table.c.deleted_at),
    ]  # fmt: skip


__all__ = ["CUSTOM", "Attribute", "attributes_of"]
