"""Which column of a file fills which field of a record type: by its own name, or as the options say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bharat.contracts.errors import MAX_FAULTS, FieldFault, Invalid
from bharat.contracts.spelling import nearest
from bharat.records.attributes import Attribute
from bharat.records.importing.options import ImportOptions
from bharat.records.kinds import Kind

CUSTOM = "custom."
MAP_OR_IGNORE = "map the column to a field, or ignore it"
"""The end of what is told of a column that fills nothing."""
_MOST_HINTS = 10
"""How many of them say which name was probably meant: finding that takes time."""
_MOST_NAMES = 10
_LONGEST_NAME = 60
REMARK = "#"
"""Columns whose names begin so are remarks: those of a file of rejected rows."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a column fills. `name` is the name of the value in the record, or `custom.<key>`. `to` is the type that a reference
    refers to and `by` the field of that type to look for; `None`: an id, else the title."""

    name: str
    kind: Kind
    to: str | None = None
    by: str | None = None
    writable: bool = True
    derived: bool = False
    """An export writes it beside the id for people to read; the id counts when both are there."""


class Targets:
    """Everything of a record type that a column can fill, by the names that a file may use for it."""

    def __init__(self, type: str, attributes: Iterable[Attribute], custom: Mapping[str, Kind]) -> None:
        self._type = type
        self._targets: dict[str, Target] = {}
        attributes = list(attributes)
        for each in attributes:
            writable = each.writable or each.name == "id"
            self._targets[each.name] = Target(each.name, each.kind, each.to, writable=writable)
        for each in attributes:
            if each.to is not None and each.name.endswith("_id"):
                short = Target(each.name, each.kind, each.to, writable=each.writable, derived=True)
                # A field that has this name itself keeps it.
                self._targets.setdefault(each.name.removesuffix("_id"), short)
        for name, kind in custom.items():
            self._targets[f"{CUSTOM}{name}"] = Target(f"{CUSTOM}{name}", kind)

    def find(self, word: str, what: str) -> Target:
        """The target that a person names. `what` says where, for the message. Raises `Invalid`."""
        found = self.get(word)
        if found is None:
            raise Invalid(f"{what}: {self.unknown(word)}", faults=[FieldFault(what, self.unknown(word))])
        if not found.writable:
            detail = f"{self._type}.{found.name} is set by Bharat and can't be imported"
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
        if dot and by and found is not None and found.to is not None:
            return replace(found, by=by)
        return None

    def unknown(self, word: str) -> str:
        """Why `word` fills nothing, with the nearest name."""
        near = nearest(plain(word), self._targets)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(self._names())}"
        return f"{self._type} has no field {word[:_LONGEST_NAME]!r}; {hint}"

    def _names(self) -> list[str]:
        return [name for name, target in self._targets.items() if target.writable and not target.derived]


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
            near = nearest(column, header) if len(faults) < _MOST_HINTS else None
            hint = f"did you mean {near[:_LONGEST_NAME]}?" if near else f"it has {_shown(header)}"
            name = column[:_LONGEST_NAME]
            faults.append(FieldFault(f"column {name}", f"the file has no column {name!r}; {hint}"))
        if len(faults) >= MAX_FAULTS:
            break
    for position, name in enumerate(header):
        if len(faults) >= MAX_FAULTS:
            break
        if name in options.ignore or name.startswith(REMARK):
            continue
        words = options.columns.get(name)
        if words is not None:
            columns += [Column(position, name, targets.find(word, f"column {name}")) for word in words]
            continue
        found = targets.get(name)
        if found is None:
            faults.append(FieldFault(f"column {name[:_LONGEST_NAME]}", f"{targets.unknown(name)}; {MAP_OR_IGNORE}"))
        elif not found.writable:
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


def _shown(names: Sequence[str]) -> str:
    """A few of the names, cut short: a header may have a megabyte, and a fault is told of each option that names none."""
    more = ", …" if len(names) > _MOST_NAMES else ""
    return ", ".join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMES]) + more


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
