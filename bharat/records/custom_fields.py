"""Custom fields: what an organisation adds to a record type, as typed definitions; the values lie in the record's `custom`.

A name keeps its kind for ever: a deleted definition stays, so that a later one of the same name can't give old values another
meaning. Values that rows already hold outlive their definition until they are removed; they can't be set or filtered by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa

from bharat.contracts.database import Reader
from bharat.contracts.errors import FieldFault
from bharat.contracts.records import AnyField, Boolean, Choice, Date, Integer, Number, Text
from bharat.contracts.spelling import hint
from bharat.data import Document, ExactDecimal, Instant, organisation_table
from bharat.data.tables import core_metadata
from bharat.records.attributes import CUSTOM, Attribute
from bharat.records.kinds import (
    MONEY_SCALE,
    BooleanKind,
    ChoiceKind,
    DateKind,
    DecimalKind,
    IntegerKind,
    Kind,
    Refused,
    TextKind,
)

CustomKind = Literal["text", "integer", "number", "boolean", "date", "choice"]

MAX_TEXT = 1000
"""Longest text of a custom field, in characters."""

custom_fields = organisation_table(
    "custom_fields",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("record_type", sa.String(48), nullable=False),
    sa.Column("name", sa.String(48), nullable=False),
    sa.Column("label", sa.String(100)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("options", Document, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("organisation_id", "record_type", "name"),
)

_LIVE = sa.select(
    custom_fields.c.name, custom_fields.c.label, custom_fields.c.kind, custom_fields.c.required, custom_fields.c.options
).where(
    custom_fields.c.record_type == sa.bindparam("record_type", type_=sa.String), custom_fields.c.deleted_at.is_(None)
).order_by(custom_fields.c.name)  # fmt: skip

required_custom = (
    sa.select(sa.literal(1))
    .select_from(custom_fields)
    .where(
        custom_fields.c.record_type == sa.bindparam("record_type", type_=sa.String),
        custom_fields.c.required.is_(True),
        custom_fields.c.deleted_at.is_(None),
    )
    .limit(1)
)
"""Whether a type has custom fields that a new record must fill: 1 or nothing."""


def kind_named(kind: CustomKind, options: tuple[str, ...]) -> Kind:
    match kind:
        case "text":
            return TextKind(MAX_TEXT)
        case "integer":
            return IntegerKind()
        case "number":
            return DecimalKind(MONEY_SCALE)
        case "boolean":
            return BooleanKind()
        case "date":
            return DateKind()
        case "choice":
            return ChoiceKind(options)


def field_named(name: str, kind: CustomKind, options: tuple[str, ...], required: bool, label: str) -> AnyField:
    """The same as a declared field, for imports, which match columns with fields."""
    match kind:
        case "text":
            return Text(name, max_length=MAX_TEXT, required=required, description=label)
        case "integer":
            return Integer(name, required=required, description=label)
        case "number":
            return Number(name, scale=MONEY_SCALE, required=required, description=label)
        case "boolean":
            return Boolean(name, required=required, description=label)
        case "date":
            return Date(name, required=required, description=label)
        case "choice":
            return Choice(name, options=options, required=required, description=label)


class Definitions:
    """The custom fields of one type in one organisation, as they are now."""

    def __init__(self, rows: Mapping[str, tuple[CustomKind, tuple[str, ...], bool, str]]) -> None:
        self._rows = rows
        self.kinds = {name: kind_named(kind, options) for name, (kind, options, _, _) in rows.items()}
        self.required = frozenset(name for name, (_, _, required, _) in rows.items() if required)

    @classmethod
    def load(cls, reader: Reader, record_type: str) -> Definitions:
        rows = reader.rows(_LIVE, {"record_type": record_type})
        return cls({row.name: (row.kind, tuple(row.options), row.required, row.label or "") for row in rows})

    def fields(self) -> tuple[AnyField, ...]:
        return tuple(
            field_named(name, kind, options, required, label)
            for name, (kind, options, required, label) in self._rows.items()
        )

    def attributes(self, table: sa.FromClause, dialect: str) -> Mapping[str, Attribute]:
        """For filters: each with the expression that reads it out of `table`'s document."""
        return {
            name: Attribute(
                name=name,
                kind=kind,
                column=_expression(table.c[CUSTOM], name, kind, dialect),
                filters=(*kind.ops, "null"),
            )
            for name, kind in self.kinds.items()
        }

    def merged(self, before: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldFault]]:
        """`before` with `given` merged into it (RFC 7396): null removes. All faults are found."""
        result = dict(before)
        faults: list[FieldFault] = []
        for name, value in given.items():
            at = f"/{CUSTOM}/{name}"
            if name not in self.kinds:
                if value is None and name in result:
                    del result[name]
                else:
                    faults.append(FieldFault(at, f"there is no such custom field{hint(name, self.kinds)}"))
                continue
            try:
                taken = None if value is None else self.kinds[name].read(value)
            except Refused as refused:
                faults.append(FieldFault(at, str(refused)))
                continue
            if taken is not None:
                result[name] = self.kinds[name].give(taken)
            elif name in self.required:
                faults.append(FieldFault(at, "is required"))
            else:
                result.pop(name, None)
        return result, faults

    def missing(self, values: Mapping[str, Any]) -> list[FieldFault]:
        """What a new record lacks."""
        return [FieldFault(f"/{CUSTOM}/{name}", "is required") for name in sorted(self.required - set(values))]


def _expression(document: sa.ColumnElement[Any], name: str, kind: Kind, dialect: str) -> sa.ColumnElement[Any]:
    """The value of a custom field as an SQL value of its kind, the same on both databases."""
    value: Any = document[name]
    text: sa.ColumnElement[str] = value.as_string()
    if isinstance(kind, IntegerKind):
        return sa.cast(text, sa.BigInteger)
    if isinstance(kind, DecimalKind):
        # SQLite has no exact decimals: the stored text always has all its decimals, so without the point it is the scaled integer.
        exact = (
            sa.cast(text, sa.Numeric)
            if dialect == "postgresql"
            else sa.cast(sa.func.replace(text, ".", ""), sa.BigInteger)
        )
        return sa.type_coerce(exact, ExactDecimal(kind.scale))
    if isinstance(kind, BooleanKind):
        return sa.cast(value.as_boolean(), sa.Boolean)
    if isinstance(kind, DateKind):
        # ISO 8601 dates compare as text.
        return sa.type_coerce(text, _IsoDate())
    return text


class _IsoDate(sa.types.TypeDecorator[Any]):
    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else str(value.isoformat())
