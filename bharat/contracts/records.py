"""What a plugin declares of its data: record types and their fields.

One declaration gives a table, REST, OpenAPI, filters, events, CSV import and export, custom fields, ETag, idempotency and
an audit trail; `bharat.records` builds them. Every record also has: id (UUIDv7), organisation, version, created and
updated (when, by whom), deleted (when), custom fields; an owned type has an owner and a team.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from uuid import UUID

from bharat.contracts.principal import Principal

if TYPE_CHECKING:
    from bharat.contracts.database import Unit

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


class AccessPolicy(StrEnum):
    """How a type's rows are shared inside an organisation; docs/roles.md holds the table by role."""

    OWNED = "owned"
    """Each row has an owner and a team; who sees it is decided by them."""
    SHARED = "shared"
    """Everyone sees every row; those who may write, write any."""
    REFERENCE = "reference"
    """Set up by administrators and managers, read by everyone: products, pipelines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What every field may say. `required`: not null, and present on create unless it has a `default`.

    `unique`: no two live rows of an organisation share a value (compared case-insensitively for text).
    `indexed`: filters and sorts on it are meant to be fast. `read_only`: set by rules, never by a client.
    `search`: found by `q`."""

    required: bool = False
    unique: bool = False
    indexed: bool = False
    read_only: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field(_Options):
    """Base of the field kinds. `name` is snake_case, at most 48 characters."""

    name: str
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a field name: use snake_case, at most 48 characters")


@dataclass(frozen=True, slots=True)
class Text(Field):
    """Unicode text, trimmed, 1 to `max_length` characters; empty is null."""

    kind: ClassVar[str] = "text"
    max_length: int = 200
    multiline: bool = False
    format: Literal["plain", "email", "url", "phone"] = "plain"
    search: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Integer(Field):
    """A whole number; at most 64 bits."""

    kind: ClassVar[str] = "integer"
    minimum: int = -(2**53) + 1
    maximum: int = 2**53 - 1
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Number(Field):
    """An exact decimal with `scale` digits after the point; a JSON string."""

    kind: ClassVar[str] = "number"
    scale: int = 4
    minimum: int | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Money(Field):
    """An exact amount with 4 decimals and, in the field `<name>_currency`, an ISO 4217 code; both null or both set."""

    kind: ClassVar[str] = "money"
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class Boolean(Field):
    kind: ClassVar[str] = "boolean"
    default: bool | None = None


@dataclass(frozen=True, slots=True)
class Date(Field):
    """A calendar date (RFC 3339 full-date)."""

    kind: ClassVar[str] = "date"


@dataclass(frozen=True, slots=True)
class Instant(Field):
    """A moment (RFC 3339 date-time), stored in UTC with microseconds."""

    kind: ClassVar[str] = "instant"


@dataclass(frozen=True, slots=True)
class Choice(Field):
    """One of fixed words."""

    options: tuple[str, ...]
    kind: ClassVar[str] = "choice"
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Reference(Field):
    """The id of a record of type `to` (or `user`, `team`) in the same organisation, which the writer must be able to see.

    `on_delete`: what deleting the target does while this points at it: `restrict` is a 409, `keep` leaves the id."""

    to: str
    kind: ClassVar[str] = "reference"
    on_delete: Literal["restrict", "keep"] = "restrict"


AnyField = Text | Integer | Number | Money | Boolean | Date | Instant | Choice | Reference

ChangeKind = Literal["create", "update", "delete", "restore"]


@dataclass(slots=True)
class Change:
    """A change about to be written or just written, as rules see it.

    `before` is the stored row (`None` on create), `values` what will be written: a rule may add to it or raise `Invalid`.
    Reading goes through `unit`, so it sees the transaction's own writes. `principal` is `None` for the system."""

    type: str
    kind: ChangeKind
    id: UUID
    before: Mapping[str, Any] | None
    values: dict[str, Any]
    unit: Unit
    principal: Principal | None

    def after(self, name: str) -> Any:
        """The value that `name` will have."""
        if name in self.values:
            return self.values[name]
        return self.before.get(name) if self.before is not None else None


Rule = Callable[[Change], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """A type of record. `name` is singular (`deal`), `plural` its place in URLs (`deals`), `title` the text field that names a row
    to people and by which an import refers to it.

    `unique_together` lists sets of fields whose combination is unique among live rows. `before_save` rules run inside the transaction before the
    row is written, `after_save` after; either may raise a `Problem` and nothing is stored. `files`: people can attach files to the
    records; who reaches a record reaches its files."""

    name: str
    plural: str
    title: str
    fields: tuple[AnyField, ...]
    access: AccessPolicy = AccessPolicy.OWNED
    label: str = ""
    unique_together: tuple[tuple[str, ...], ...] = ()
    before_save: tuple[Rule, ...] = ()
    after_save: tuple[Rule, ...] = ()
    files: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        for word in (self.name, self.plural):
            if not _NAME.fullmatch(word):
                raise ValueError(f"{word!r} is not a record type's name: use snake_case, at most 48 characters")
        names = [field.name for field in self.fields]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"record type {self.name!r} declares {', '.join(sorted(repeated))} more than once")
        if self.title not in names:
            raise ValueError(f"record type {self.name!r} has the title {self.title!r}, which is not one of its fields")
        if reserved := set(names) & RESERVED_FIELDS:
            raise ValueError(
                f"record type {self.name!r} declares {', '.join(sorted(reserved))}, which every record has already"
            )


RESERVED_FIELDS = frozenset(
    {
        "id", "organisation_id", "version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at",
        "owner_id", "team_id", "custom", "q", "sort", "fields", "cursor", "limit", "deleted", "total",
    }
)  # fmt: skip
