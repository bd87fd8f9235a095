"""The msgspec structs of a record type: what its bodies must look like and what its answers do look like.

They are made once, validate in one pass, and are what the OpenAPI document is generated from. Answers are encoded from rows
directly; their structs only describe them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bharat.contracts.errors import FieldFault
from bharat.contracts.phrasing import END, KEPT, TOLD, phrased, unknown
from bharat.contracts.records import RecordType
from bharat.contracts.spelling import Hints
from bharat.records.attributes import CUSTOM, Attribute
from bharat.records.kinds import CurrencyKind, DecimalKind, TextKind

MAX_BULK = 200
"""Most records that one bulk request may change."""

LONGEST_CUSTOM_NAME = 48
CUSTOM_NAME = rf"^[a-z][a-z0-9_]{{0,{LONGEST_CUSTOM_NAME - 1}}}{END}"

_NAME_TOLD = (
    "holds a name that no custom field can have: use lower-case letters, digits and '_', a letter first, at most 48"
)
CustomName = Annotated[str, Meta(max_length=LONGEST_CUSTOM_NAME, pattern=CUSTOM_NAME, extra={TOLD: _NAME_TOLD})]
CustomValues = dict[CustomName, str | int | bool | None]


class Reached(msgspec.Struct, frozen=True):
    """A record that a bulk request changed, at its new version."""

    id: UUID
    version: int


class BulkResult(msgspec.Struct, frozen=True):
    """What a bulk request did, each list in the order of the request."""

    created: list[Reached]
    updated: list[Reached]
    deleted: list[Reached]


class Gone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record to delete, at the version it is known at."""

    id: UUID
    version: Annotated[int, Meta(ge=1)]


class HistoryEntry(msgspec.Struct, frozen=True):
    """One change: who, when, what. `changes` maps a field to its value before and after."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    request_id: str | None
    action: str
    changes: dict[str, list[Any]]


class HistoryPage(msgspec.Struct, frozen=True):
    items: list[HistoryEntry]
    next_cursor: str | None


class CurrencySum(msgspec.Struct, frozen=True):
    currency: str
    sum: Decimal


class Shapes:
    """The structs of one type. `create`, `update` and `bulk` are bodies; `read` and `page` are answers."""

    def __init__(self, type: RecordType, attributes: Sequence[Attribute], module: str) -> None:
        name = "".join(part.title() for part in type.name.split("_"))
        writable = [attribute for attribute in attributes if attribute.writable]

        kept = frozenset(attribute.name for attribute in attributes if not attribute.writable)

        def struct(suffix: str, fields: Sequence[Any], *, strict: bool = True, sets: bool = False) -> Any:
            return msgspec.defstruct(
                f"{name}{suffix}",
                fields,
                kw_only=True,
                forbid_unknown_fields=strict,
                module=module,
                namespace={KEPT: kept} if sets else None,
            )

        self.create = struct(
            "Create", [*map(_on_create, writable), (CUSTOM, CustomValues | UnsetType, UNSET)], sets=True
        )
        self.update = struct(
            "Update", [*map(_on_update, writable), (CUSTOM, CustomValues | UnsetType, UNSET)], sets=True
        )
        self.read = struct(
            "", [*((each.name, _answer(each)) for each in attributes), (CUSTOM, CustomValues)], strict=False
        )
        item = struct(
            "Item",
            [
                *((each.name, _answer(each) | UnsetType, UNSET) for each in attributes),
                (CUSTOM, CustomValues | UnsetType, UNSET),
            ],
            strict=False,
        )
        self.page = struct(
            "Page",
            [("items", list[item]), ("next_cursor", str | None), ("total", int | UnsetType, UNSET)],  # type: ignore[valid-type]
            strict=False,
        )
        change = struct("Change", [("id", UUID), ("version", Annotated[int, Meta(ge=1)]), ("changes", self.update)])
        self.bulk = struct(
            "Bulk",
            [
                ("create", Annotated[list[self.create], Meta(max_length=MAX_BULK)], msgspec.field(default_factory=list)),  # type: ignore[name-defined]
                ("update", Annotated[list[change], Meta(max_length=MAX_BULK)], msgspec.field(default_factory=list)),  # type: ignore[valid-type]
                ("delete", Annotated[list[Gone], Meta(max_length=MAX_BULK)], msgspec.field(default_factory=list)),
            ],
        )  # fmt: skip
        sums: list[Any] = [
            (each.name, list[CurrencySum] if _is_money(each, attributes) else Decimal | None)
            for each in attributes
            if isinstance(each.kind, DecimalKind)
        ]
        self.totals = struct("Totals", [("count", int), ("sums", struct("Sums", sums, strict=False))], strict=False)


def faults_of(shape: type[msgspec.Struct], data: Mapping[str, Any]) -> list[FieldFault]:
    """Every fault of `data` as a flat struct, each at its JSON Pointer; for data that came not through the web."""
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    hints = Hints()
    faults = [FieldFault(f"/{name}", unknown(name, shape, fields, hints)) for name in data if name not in fields]
    for name, field in fields.items():
        if name not in data:
            if field.required:
                faults.append(FieldFault(f"/{name}", "is required"))
            continue
        try:
            msgspec.convert(data[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(FieldFault(f"/{name}", phrased(str(error), field.type)))
    return faults


def _described(attribute: Attribute, type: Any) -> Any:
    return Annotated[type, Meta(description=attribute.description)] if attribute.description else type


def _on_create(attribute: Attribute) -> Any:
    wire = _described(attribute, attribute.kind.wire)
    if attribute.to is not None and attribute.name in ("owner_id", "team_id"):
        return attribute.name, wire | None | UnsetType, UNSET
    if attribute.default is not None:
        return attribute.name, (wire if attribute.required else wire | None), attribute.default
    return (attribute.name, wire) if attribute.required else (attribute.name, wire | None, None)


def _on_update(attribute: Attribute) -> Any:
    wire = _described(attribute, attribute.kind.wire)
    return attribute.name, (wire | UnsetType if attribute.required else wire | None | UnsetType), UNSET


def _answer(attribute: Attribute) -> Any:
    """The type in answers: without the limits on input, which older rows may not meet."""
    kind = attribute.kind
    stored: Any = kind.stored
    if isinstance(kind, DecimalKind):
        stored = Decimal
    elif isinstance(kind, TextKind | CurrencyKind):
        stored = str
    stored = _described(attribute, stored)
    return stored if attribute.required else stored | None


def _is_money(attribute: Attribute, attributes: Sequence[Attribute]) -> bool:
    return any(
        other.name == f"{attribute.name}_currency" and isinstance(other.kind, CurrencyKind) for other in attributes
    )
