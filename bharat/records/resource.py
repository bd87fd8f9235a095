"""A record type made ready for work: its table, its attributes and its structs, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bharat.contracts.records import AccessPolicy, Money, RecordType
from bharat.records.attributes import CUSTOM, Attribute, attributes_of
from bharat.records.shapes import Shapes
from bharat.records.tables import SEARCH_TEXT, currency_name, key_name, keyed_fields, searched_fields

_KEPT_BY_BHARAT = frozenset({"id", "version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at"})


class Resource:
    """`names` and `columns` go together: what a record shows, in order. `own` are the attributes that clients or rules
    set; `money` holds (amount, currency) names."""

    def __init__(self, plugin: str, type: RecordType, table: sa.Table) -> None:
        self.plugin = plugin
        self.type = type
        self.table = table
        self.name = type.name
        self.plural = type.plural
        self.label = _in_a_sentence(type.label or type.name.replace("_", " "))
        self.owned = type.access is AccessPolicy.OWNED
        self.attributes = attributes_of(type, table)
        self.by_name: Mapping[str, Attribute] = {attribute.name: attribute for attribute in self.attributes}
        self.writable = tuple(attribute for attribute in self.attributes if attribute.writable)
        self.own = tuple(attribute for attribute in self.attributes if attribute.name not in _KEPT_BY_BHARAT)
        self.references = tuple(attribute for attribute in self.attributes if attribute.to is not None)
        self.names = (*self.by_name, CUSTOM)
        self.columns: tuple[sa.ColumnElement[Any], ...] = (*(each.column for each in self.attributes), table.c.custom)
        self.money = tuple((field.name, currency_name(field.name)) for field in type.fields if isinstance(field, Money))
        self.shapes = Shapes(type, self.attributes, f"bharat.records.{plugin}")
        self._keyed = keyed_fields(type)
        self._searched = searched_fields(type)

    @property
    def searchable(self) -> bool:
        return bool(self._searched)

    @property
    def searched(self) -> tuple[str, ...]:
        """The fields that `q` looks into, the title first where it is one of them."""
        return tuple(sorted(self._searched, key=lambda name: name != self.type.title))

    def derived(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that are computed from others, for a whole record."""
        found = {key_name(name): _folded(values.get(name)) for name in self._keyed}
        if self._searched:
            found[SEARCH_TEXT] = "\n".join(values[name].casefold() for name in self._searched if values.get(name))
        return found

    def given(self, name: str, value: Any) -> Any:
        """A stored value as JSON."""
        if value is None or name == CUSTOM:
            return value
        return self.by_name[name].kind.give(value)


def _in_a_sentence(label: str) -> str:
    """A label inside a sentence: without its capital letter, unless it is an abbreviation such as SLA."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _folded(value: str | None) -> str | None:
    return None if value is None else value.casefold()
