"""The query string of a list: filters, sort, search, field selection and page, each by an allow-list.

An unknown or repeated parameter is a 400 that names the nearest known one, never ignored: a filter with a slip of the pen
would otherwise show everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bharat.contracts.errors import MAX_FAULTS, FieldFault, Malformed
from bharat.contracts.query_string import parse_query
from bharat.contracts.route import Parameter
from bharat.contracts.spelling import Hints, hint
from bharat.records.attributes import CUSTOM, Attribute
from bharat.records.conditions import Condition
from bharat.records.kinds import Kind, Refused, TextKind
from bharat.records.resource import Resource

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_SORT = 3
MAX_IN = 100
MAX_WORDS = 8

_WORDS = rf"^\s*\S+(\s+\S+){{0,{MAX_WORDS - 1}}}\s*$"

CustomAttributes = Callable[[], Mapping[str, Attribute]]
"""Loads the organisation's custom fields; called only when a parameter names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a list is asked for. `context` is what a cursor is bound to; `sort` holds (attribute, descending)."""

    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    sort: tuple[tuple[Attribute, bool], ...]
    deleted: bool = False
    fields: tuple[str, ...] | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    total: bool = False
    context: str = ""


class Grammar:
    """The parameters of one type's lists. `page` ones are left out for totals."""

    def __init__(self, resource: Resource, *, page: bool = True) -> None:
        self._resource = resource
        self._page = page
        self._filters: dict[str, tuple[Attribute, str]] = {}
        for attribute in resource.attributes:
            for op in attribute.filters:
                name = attribute.name if op == "eq" else f"{attribute.name}.{op}"
                self._filters[name] = (attribute, op)
        self._sorts = {each.name: each for each in resource.attributes if each.sortable}
        self._default = ((resource.by_name["id"], True),)
        self._others = {"deleted"} | ({"q"} if resource.searchable else set())
        if page:
            self._others |= {"limit", "cursor", "sort", "fields", "total"}

    def parse(self, raw: str, custom: CustomAttributes) -> Selection:
        """Raises `Malformed` with every fault."""
        if not raw:
            return Selection(sort=self._default, context=f"{self._resource.name}[]")
        pairs = self._pairs(raw)
        faults: list[FieldFault] = []
        conditions: list[Condition] = []
        found: dict[str, Any] = {"sort": self._default}
        hints = Hints()
        for name, text in pairs.items():
            if len(faults) == MAX_FAULTS:
                break
            try:
                if name in self._filters:
                    conditions.append(_condition(*self._filters[name], text))
                elif name in self._others:
                    found.update(self._other(name, text))
                elif name.startswith(f"{CUSTOM}."):
                    conditions.append(_custom_condition(name, text, custom()))
                else:
                    raise Refused(f"unknown parameter{hints(name, (*self._filters, *self._others))}")
            except Refused as refused:
                faults.append(FieldFault(f"?{name}", str(refused)))
        if faults:
            raise Malformed("Some query parameters can't be accepted.", faults=faults)
        bound = sorted(
            (name, text) for name, text in pairs.items() if name not in ("limit", "cursor", "fields", "total")
        )
        return Selection(**found, conditions=tuple(conditions), context=f"{self._resource.name}{bound}")

    def _pairs(self, raw: str) -> dict[str, str]:
        try:
            return parse_query(raw)
        except Malformed as refused:
            # Who repeats a filter wants any of several values.
            faults = [FieldFault(fault.path, fault.detail + self._several(fault.path[1:])) for fault in refused.faults]
            raise Malformed(refused.detail, faults=faults) from None

    def _several(self, name: str) -> str:
        attribute, op = self._filters.get(name, (None, ""))
        if attribute is None or op not in ("eq", "in") or "in" not in attribute.filters:
            return ""
        return f"; for any of several values write {attribute.name}.in=one,another"

    def _other(self, name: str, text: str) -> dict[str, Any]:
        match name:
            case "limit":
                if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_LIMIT):
                    raise Refused(f"must be a whole number from 1 to {MAX_LIMIT}")
                return {"limit": int(text)}
            case "sort":
                return {"sort": self._sort(text)}
            case "fields":
                return {"fields": self._fields(text)}
            case "q":
                words = tuple(text.split())
                if not words or len(words) > MAX_WORDS or len(text) > 200:
                    raise Refused(f"must have 1 to {MAX_WORDS} words and at most 200 characters")
                return {"words": words}
            case "cursor":
                return {"cursor": text}
            case _:
                return {name: _flag(text)}

    def _sort(self, text: str) -> tuple[tuple[Attribute, bool], ...]:
        found: list[tuple[Attribute, bool]] = []
        for part in text.split(","):
            name = part.removeprefix("-")
            attribute = self._sorts.get(name)
            if attribute is None:
                others = hint(name, self._sorts) or f"; what can be sorted by: {', '.join(self._sorts)}"
                raise Refused(f"can't sort by {name[:60]!r}{others}")
            if any(attribute is other for other, _ in found):
                raise Refused(f"names {name!r} twice")
            found.append((attribute, part.startswith("-")))
        if len(found) > MAX_SORT:
            raise Refused(f"must name at most {MAX_SORT} fields")
        return tuple(found)

    def _fields(self, text: str) -> tuple[str, ...]:
        asked = text.split(",")
        for name in asked:
            if name not in self._resource.names:
                raise Refused(f"there is no field {name[:60]!r}{hint(name, self._resource.names)}")
        # In the record's own order, so that few statements serve all selections.
        return tuple(name for name in self._resource.names if name in asked)

    def parameters(self) -> tuple[Parameter, ...]:
        """For the OpenAPI document: first what shapes the list, then the many filters."""
        others: dict[str, tuple[dict[str, Any], str]] = {
            "q": ({"type": "string", "pattern": _WORDS, "maxLength": 200}, "Words that must all occur, whatever their case."),
            "sort": (
                {"type": "string", "pattern": self._sort_pattern()},
                f"Up to {MAX_SORT} of {', '.join(self._sorts)}, comma-separated; `-`: descending. Without a value: last.",
            ),
            "fields": (
                {"type": "string", "pattern": f"^({'|'.join(self._resource.names)})(,({'|'.join(self._resource.names)}))*$"},
                "Which fields to show, comma-separated.",
            ),
            "limit": ({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, f"Records a page; {DEFAULT_LIMIT} unless given."),
            "cursor": ({"type": "string"}, "`next_cursor` of the page before; filters and sort must stay the same."),
            "total": ({"type": "boolean"}, "Also count all that match."),
            "deleted": ({"type": "boolean"}, "Show what was deleted instead; needs the permission to delete."),
        }  # fmt: skip
        found = [
            Parameter(name=name, schema=schema, description=description)
            for name, (schema, description) in others.items()
            if name in self._others
        ]
        return (*found, *(_parameter(name, attribute, op) for name, (attribute, op) in self._filters.items()))

    def _sort_pattern(self) -> str:
        one = f"-?({'|'.join(self._sorts)})"
        return f"^{one}(,{one}){{0,{MAX_SORT - 1}}}$"


def _condition(attribute: Attribute, op: str, text: str, *, custom: bool = False) -> Condition:
    if op == "null":
        return Condition(attribute, op, _flag(text), custom)
    kind: Kind = attribute.kind
    if op == "prefix":
        kind = TextKind(attribute.kind.max_length) if isinstance(attribute.kind, TextKind) else kind
    if op != "in":
        return Condition(attribute, op, _value(kind, text), custom)
    parts = text.split(",")
    if len(parts) > MAX_IN:
        raise Refused(f"must name at most {MAX_IN} values")
    return Condition(attribute, op, [_value(kind, part) for part in parts], custom)


def _value(kind: Kind, text: str) -> Any:
    value = kind.read(text, text=True)
    if value is None:
        raise Refused("must not be empty; to look for what has no value use `.null=true`")
    return value


def _custom_condition(name: str, text: str, custom: Mapping[str, Attribute]) -> Condition:
    _, field, *rest = name.split(".")
    op = ".".join(rest) or "eq"
    attribute = custom.get(field)
    if attribute is None:
        raise Refused(f"there is no custom field {field[:60]!r}{hint(field, custom)}")
    if op not in attribute.filters:
        raise Refused(f"can't be filtered by {op[:20]!r}; use one of {', '.join(attribute.filters)}")
    return _condition(attribute, op, text, custom=True)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Refused("must be true or false")
    return text == "true"


_MEANING = {
    "eq": "Equal to this.",
    "ne": "Not equal to this; what has no value is included.",
    "gt": "Greater than this.",
    "gte": "This or greater.",
    "lt": "Less than this.",
    "lte": "This or less.",
    "in": f"One of these, comma-separated; at most {MAX_IN}.",
    "null": "`true`: has no value; `false`: has one.",
    "prefix": "Begins with this, whatever the case.",
}


def _parameter(name: str, attribute: Attribute, op: str) -> Parameter:
    schema: Mapping[str, Any] = attribute.kind.schema
    if op == "null":
        schema = {"type": "boolean"}
    elif op == "in":
        schema = {"type": "array", "items": dict(schema), "minItems": 1, "maxItems": MAX_IN}
    elif op == "prefix" and isinstance(attribute.kind, TextKind):
        schema = TextKind(attribute.kind.max_length).schema
    return Parameter(
        name=name, schema=schema, description=_MEANING[op], comma_separated=op == "in", filters=attribute.name
    )
