"""Which column of a file fills which field of a record type: by its own name, or as the options say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import AccessPolicy, AnyField, Money, RecordType, Reference, Text
from bharat.records.importing.options import ImportOptions

ID = Text("id_", description="The record's own id.")
CUSTOM = "custom."

OWNER = Reference("owner", to="user")
TEAM = Reference("team", to="team")

_STAMPS = ("version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at")


@dataclass(frozen=True, slots=True)
class Target:
    """What a column fills. `name` is the key of the value in the record: a field's name, `<money>_currency`, `owner_id`,
    `team_id`, `id`, or `custom.<key>`. `by` names the field of the referred record to look for; `None`: its id, else its title."""

    name: str
    field: AnyField
    part: Literal["value", "currency", "id", "custom", "none"] = "value"
    by: str | None = None
    derived: bool = False
    """An export writes it beside the id for people to read; the id counts when both are there."""


class Targets:
    """Everything of a record type that a column can fill, by the names that a file may use for it."""

    def __init__(self, type: RecordType, custom: Iterable[AnyField] = ()) -> None:
        self._type = type
        self._targets: dict[str, Target] = {"id": Target("id", ID, "id")}
        fields: list[AnyField] = list(type.fields)
        for field in fields:
            part: Literal["value", "none"] = "none" if field.read_only else "value"
            self._add(field.name, Target(field.name, field, part))
            if isinstance(field, Money):
                code = f"{field.name}_currency"
                self._add(code, Target(code, Text(code, max_length=3), "none" if field.read_only else "currency"))
            if isinstance(field, Reference) and field.name.endswith("_id"):
                self._add(field.name.removesuffix("_id"), Target(field.name, field, part, derived=True))
        if type.access is AccessPolicy.OWNED:
            for name, field in (("owner", OWNER), ("team", TEAM)):
                self._add(f"{name}_id", Target(f"{name}_id", field))
                self._add(name, Target(f"{name}_id", field, derived=True))
        for name in _STAMPS:
            self._add(name, Target(name, ID, "none"))
        for field in custom:
            self._targets[f"{CUSTOM}{field.name}"] = Target(f"{CUSTOM}{field.name}", field, "custom")

    def find(self, word: str, what: str) -> Target:
        """The target that a person names. `what` says where, for the message. Raises `Invalid`."""
        found = self.get(word)
        if found is None:
            raise Invalid(f"{what}: {self._unknown(word)}", faults=[FieldFault(what, self._unknown(word))])
        if found.part == "none":
            detail = f"{self._type.name}.{found.name} is set by Bharat and can't be imported"
            raise Invalid(f"{what}: {detail}", faults=[FieldFault(what, detail)])
        return found

    def get(self, word: str) -> Target | None:
        """The target that a column's name means, or `None`. `Sales agent`, `sales-agent` and `sales_agent` are one name;
        `company.external_id` looks for the company by that field."""
        name = word if word in self._targets else plain(word)
        if name in self._targets:
            return self._targets[name]
        head, dot, by = name.partition(".")
        found = self._targets.get(head)
        if dot and by and found is not None and isinstance(found.field, Reference):
            return Target(found.name, found.field, found.part, by)
        return None

    def _unknown(self, word: str) -> str:
        near = get_close_matches(plain(word), self._targets, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(self._names())}"
        return f"{self._type.name} has no field {word!r}; {hint}"

    def _names(self) -> list[str]:
        return [name for name, target in self._targets.items() if target.part != "none" and not target.derived]

    def _add(self, name: str, target: Target) -> None:
        # A declared field keeps its name: `owner` of a type's own is not the platform's.
        self._targets.setdefault(name, target)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file that is imported: where its cell stands, what it is called, what it fills."""

    position: int
    header: str
    target: Target


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns of one file bound to fields, and the same for the options that name fields."""

    columns: tuple[Column, ...]
    width: int
    key: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    defaults: Mapping[str, Target]
    create_missing: frozenset[str]
    skipped: tuple[str, ...]
    """Columns that hold what Bharat sets itself."""


def bind(header: Sequence[str], targets: Targets, options: ImportOptions) -> Plan:
    """Bind the columns of a file. Raises `Invalid` naming every column that fills nothing or collides with another."""
    faults: list[FieldFault] = []
    columns: list[Column] = []
    skipped: list[str] = []
    for column in options.columns.keys() | options.ignore:
        if column not in header:
            near = get_close_matches(column, header, 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(header)}"
            faults.append(FieldFault(f"column {column}", f"the file has no column {column!r}; {hint}"))
    for position, name in enumerate(header):
        if name in options.ignore:
            continue
        words = options.columns.get(name)
        if words is not None:
            columns += [Column(position, name, targets.find(word, f"column {name}")) for word in words]
            continue
        found = targets.get(name)
        if found is None:
            faults.append(
                FieldFault(f"column {name}", f"{targets._unknown(name)}; map the column to a field, or ignore it")
            )
        elif found.part == "none":
            skipped.append(name)
        else:
            columns.append(Column(position, name, found))
    columns = _settle(columns, skipped, faults)
    if faults:
        raise Invalid("; ".join(fault.detail for fault in faults), faults=faults)
    return Plan(
        tuple(columns),
        len(header),
        tuple(targets.find(word, "the key").name for word in options.key),
        {targets.find(word, "an alias").name: words for word, words in options.aliases.items()},
        {word: targets.find(word, "a default") for word in options.defaults},
        frozenset(targets.find(word, "create missing").name for word in options.create_missing),
        tuple(skipped),
    )


def plain(word: str) -> str:
    """A column's name as a field would be written."""
    return re.sub(r"[\s-]+", "_", word.strip()).lower()


def _settle(columns: Sequence[Column], skipped: list[str], faults: list[FieldFault]) -> list[Column]:
    """One column for each target. The name that an export writes beside an id gives way to the id."""
    by_target: dict[str, list[Column]] = {}
    for column in columns:
        by_target.setdefault(column.target.name, []).append(column)
    kept: list[Column] = []
    for target, rivals in by_target.items():
        strong = [column for column in rivals if not column.target.derived] or rivals
        if len(strong) > 1:
            names = " and ".join(repr(column.header) for column in strong)
            faults.append(
                FieldFault(f"column {strong[1].header}", f"the columns {names} both fill {target}; ignore one")
            )
        kept.append(strong[0])
        skipped += [column.header for column in rivals if column not in strong]
    return kept
