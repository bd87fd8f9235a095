"""From a record type to its table `<plugin>_<plural>`.

The primary key is (organisation_id, id): ids ascend with time (UUIDv7), so this one index identifies rows, is the target of
references that can't cross organisations, and gives the default order of lists. Every other index begins with the organisation
and, unless unique, ends in the id, for pages by key.

Beside its fields a table may hold `<field>_key`, the case-folded form of a title, unique or indexed text, by which it is
compared, sorted and searched by prefix alike on every database; and `search_text`, the case-folded text that `q` looks into.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.records import AccessPolicy, Money, RecordType, Reference, Text
from bharat.data import Document, Instant, organisation_table
from bharat.records.kinds import MAX_KEYED, CurrencyKind, kind_of

USER, TEAM = "user", "team"
CORE_TARGETS: Mapping[str, str] = {USER: "users", TEAM: "teams"}
"""What a reference may point to beside record types."""

SEARCH_TEXT = "search_text"
_MAX_NAME = 63


def table_name(plugin: str, type: RecordType) -> str:
    return f"{plugin}_{type.plural}"


def key_name(field: str) -> str:
    return f"{field}_key"


def currency_name(field: str) -> str:
    return f"{field}_currency"


def keyed_fields(type: RecordType) -> tuple[str, ...]:
    """The text fields that have a key column."""
    together = {name for names in type.unique_together for name in names}
    return tuple(
        field.name
        for field in type.fields
        if isinstance(field, Text)
        and not field.multiline
        and (field.unique or field.indexed or field.name == type.title or field.name in together)
    )


def build_table(plugin: str, type: RecordType, targets: Mapping[str, str], metadata: sa.MetaData) -> sa.Table:
    """The table of `type` in `metadata`. `targets` maps every type's name to its table. Raises `PluginError`."""
    name = table_name(plugin, type)
    if len(name) > _MAX_NAME:
        raise PluginError(f"record type {type.name!r}: the table name {name!r} has more than {_MAX_NAME} characters")
    _check(type)
    items: list[Any] = [*_system_columns(type)]
    for field in type.fields:
        items.append(sa.Column(field.name, kind_of(field).column_type(), nullable=not field.required))
        if isinstance(field, Money):
            items.append(
                sa.Column(currency_name(field.name), CurrencyKind().column_type(), nullable=not field.required)
            )
        if isinstance(field, Reference):
            items.append(_reference(type, name, field.name, field.to, targets))
            items.append(_index(name, field.name))
        elif field.indexed and field.name not in keyed_fields(type):
            items.append(_index(name, field.name))
        if field.unique and not isinstance(field, Text):
            items.append(_unique(name, (field.name,), (field.name,)))
    keyed = keyed_fields(type)
    for field in type.fields:
        if isinstance(field, Text) and field.name in keyed:
            # A folded text may be longer than the text (ß becomes ss).
            items.append(sa.Column(key_name(field.name), _folded(field.max_length * 3), nullable=not field.required))
            columns = (key_name(field.name),)
            items.append(_unique(name, (field.name,), columns) if field.unique else _index(name, *columns))
    for names in type.unique_together:
        items.append(_unique(name, names, tuple(key_name(one) if one in keyed else one for one in names)))
    if searched_fields(type):
        items.append(sa.Column(SEARCH_TEXT, sa.Text, nullable=False))
    items.append(sa.PrimaryKeyConstraint("organisation_id", "id"))
    if type.access is AccessPolicy.OWNED:
        items += [
            _reference(type, name, "owner_id", USER, targets),
            _reference(type, name, "team_id", TEAM, targets),
            _index(name, "owner_id"),
            _index(name, "team_id"),
        ]
    table = organisation_table(name, metadata, *items)
    table.info["plugin"] = plugin
    return table


def searched_fields(type: RecordType) -> tuple[str, ...]:
    """The fields that `q` looks into."""
    return tuple(field.name for field in type.fields if isinstance(field, Text) and field.search)


def _system_columns(type: RecordType) -> Sequence[sa.Column[Any]]:
    owned = [sa.Column("owner_id", sa.Uuid), sa.Column("team_id", sa.Uuid)] if type.access is AccessPolicy.OWNED else []
    return [
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("updated_by", sa.Uuid),
        sa.Column("deleted_at", Instant),
        *owned,
        sa.Column("custom", Document, nullable=False),
    ]


def _folded(length: int) -> sa.types.TypeEngine[str]:
    # By code point on both databases: the order of pages must not hang on a server's locale.
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _reference(type: RecordType, table: str, column: str, to: str, targets: Mapping[str, str]) -> Any:
    target = CORE_TARGETS.get(to) or targets.get(to)
    if target is None:
        known = ", ".join(sorted({*CORE_TARGETS, *targets}))
        raise PluginError(
            f"record type {type.name!r}: {column!r} refers to {to!r}, which no enabled plugin declares; known: {known}"
        )
    return sa.ForeignKeyConstraint(
        ["organisation_id", column],
        [f"{target}.organisation_id", f"{target}.id"],
        name=_short(f"fk_{table}_{column}"),
    )


def _index(table: str, *columns: str) -> sa.Index:
    return sa.Index(_short(f"ix_{table}_{'_'.join(columns)}"), "organisation_id", *columns, "id")


def _unique(table: str, fields: Sequence[str], columns: Sequence[str]) -> sa.Index:
    live = sa.column("deleted_at").is_(None)
    index = sa.Index(
        _short(f"uq_{table}_{'_'.join(fields)}"),
        "organisation_id",
        *columns,
        unique=True,
        postgresql_where=live,
        sqlite_where=live,
    )
    index.info["fields"] = tuple(fields)
    return index


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 9]}_{sa.util.md5_hex(name)[:8]}"


def _check(type: RecordType) -> None:
    where = f"record type {type.name!r}"
    names = {field.name for field in type.fields}
    for field in type.fields:
        extra = currency_name(field.name) if isinstance(field, Money) else key_name(field.name)
        if extra in names or field.name == SEARCH_TEXT:
            raise PluginError(
                f"{where}: the name {extra if extra in names else field.name!r} is taken by Bharat itself"
            )
    for name in keyed_fields(type):
        for field in type.fields:
            if field.name == name and isinstance(field, Text) and field.max_length > MAX_KEYED:
                raise PluginError(
                    f"{where}: {name!r} is a title, unique or indexed: its max_length may be {MAX_KEYED} at most"
                )
    for together in type.unique_together:
        if unknown := set(together) - names:
            raise PluginError(f"{where}: unique_together names {', '.join(sorted(unknown))}, which it does not declare")
    if not any(isinstance(field, Text) and not field.multiline for field in type.fields if field.name == type.title):
        raise PluginError(f"{where}: its title {type.title!r} must be a text field of one line")
