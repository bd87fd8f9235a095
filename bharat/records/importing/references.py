"""From what a file calls a record to its id: one statement for each reference field and batch, never one for each row.

A record is found by its id, by a field that the column names (`company.external_id`), else by its title; a user by name
or by an e-mail address that the principal may see, a team by name. Texts compare case-insensitively. Only records that the importing principal may read are
found, and a name that several of them share is refused. Where names are unique only together with another reference that
the row has too (a stage's within its pipeline), they are looked up together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.permissions import Permissions
from bharat.accounts.tables import teams, users
from bharat.contracts.database import Reader
from bharat.contracts.errors import Invalid
from bharat.contracts.principal import Principal
from bharat.records.attributes import Attribute
from bharat.records.kinds import TextKind
from bharat.records.resource import Resource
from bharat.records.tables import TEAM, USER

REMEMBERED = 10_000
"""Names kept from batch to batch, the least recently used forgotten first. A batch may need more: then more are kept."""

Scope = UUID | None
Key = tuple[str, Scope]


class Unresolved(ValueError):
    """No record has this name, or more than one. `missing` tells the two apart."""

    def __init__(self, reason: str, *, missing: bool) -> None:
        super().__init__(reason)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Name:
    """What a row calls a record: a text, and the id of what it is unique within, when the row has it."""

    text: str
    scope: Scope = None

    @property
    def key(self) -> str:
        return self.text.strip().casefold()


class Names:
    """The names of one type, as one column uses them. Raises `Invalid` when `by` is no field to look for."""

    def __init__(
        self,
        to: str,
        by: str | None,
        resource: Resource | None,
        permissions: Permissions,
        principal: Principal | None,
        scope: str | None = None,
    ) -> None:
        self.to = to
        self._by = by
        self._scope = scope
        self._cache: OrderedDict[Key, list[UUID]] = OrderedDict()
        visible = None
        if resource is not None:
            self._id: sa.Column[Any] = resource.table.c.id
            attribute = _attribute(resource, by)
            self._columns: Sequence[sa.ColumnElement[Any]] = (attribute.order,)
            self._folded = True
            self._label = resource.label.lower()
            if principal is not None:
                visible = permissions.row_filter(principal, resource.table, resource.plural, "read")
            deleted: sa.ColumnElement[Any] | None = resource.table.c.deleted_at
            self._within = None if scope is None else resource.table.c[scope]
        else:
            self._id, self._columns, deleted = _of_accounts(to, by, _seeing(permissions, principal))
            self._folded = False
            self._label = to
            self._within = None
        self._where: list[sa.ColumnElement[bool]] = [] if deleted is None else [deleted.is_(None)]
        if visible is not None:
            self._where.append(visible)

    def find(self, reader: Reader, names: Sequence[Name]) -> None:
        """Look up a batch's names, those not known yet in one statement. Call it before `resolve`, once for each batch: every
        name of the batch is then kept until the next call, however many there are."""
        for name in names:
            if (key := _key(name)) in self._cache:
                self._cache.move_to_end(key)
        while len(self._cache) > REMEMBERED:
            self._cache.popitem(last=False)
        self.learn(reader, names)

    def learn(self, reader: Reader, names: Iterable[Name]) -> None:
        """Look up names that are not known yet, and forget none: a target was made in the middle of a batch."""
        unknown = [name for name in names if _key(name) not in self._cache]
        wanted = {name.key: name.text.strip() for name in unknown if _id(name.text) is None}
        ids = {id for name in unknown if (id := _id(name.text)) is not None}
        within = self._within if self._within is not None else sa.null()
        found: dict[Key, list[UUID]] = {}
        for part in _parts(sorted(wanted)):
            select = sa.select(self._id, within, *self._columns).where(*self._where, self._called(part, wanted))
            for id, scope, *values in map(tuple, reader.rows(select)):
                # Of this part only: who has a name in two parts is found twice.
                for text in {value.casefold() for value in values if value is not None} & set(part):
                    found.setdefault((text, None), []).append(id)
                    if scope is not None:
                        found.setdefault((text, scope), []).append(id)
        for part in _parts(sorted(ids)):
            for (id,) in map(tuple, reader.rows(sa.select(self._id).where(*self._where, self._id.in_(part)))):
                found.setdefault((str(id), None), []).append(id)
        self._cache.update(found)

    def resolve(self, name: Name) -> UUID:
        """The id. Raises `Unresolved` with the reason."""
        key = _key(name)
        found = self._cache.get(key)
        shown = name.text.strip()
        if not found:
            among = f" in that {_noun(self._scope)}" if key[1] is not None else ""
            how = "with the id" if _id(shown) is not None else f"whose {self._by} is" if self._by else "named"
            raise Unresolved(f"there is no {self._label} {how} {shown!r}{among}", missing=True)
        if len(found) > 1:
            more = f"name the {_noun(self._scope)} too, or use the id" if self._scope else "use the id"
            raise Unresolved(f"{len(found)} {self._label} records are called {shown!r}: {more}", missing=False)
        return found[0]

    def _called(self, keys: Sequence[str], texts: Mapping[str, str]) -> sa.ColumnElement[bool]:
        if self._folded:
            return sa.or_(*(column.in_(keys) for column in self._columns))
        # SQLite's lower() knows ASCII only: a name as it is written is found in any script.
        written = [texts[key] for key in keys]
        return sa.or_(*(sa.or_(column.in_(written), sa.func.lower(column).in_(keys)) for column in self._columns))


def scope_of(resource: Resource | None, row: Mapping[str, Attribute]) -> str | None:
    """The reference that `resource`'s titles are unique within and that a row has under the same name, or `None`."""
    if resource is None:
        return None
    for together in resource.type.unique_together:
        others = [name for name in together if name != resource.type.title]
        if len(others) == 1 and resource.type.title in together and others[0] in row:
            theirs, ours = resource.by_name[others[0]], row[others[0]]
            if theirs.to is not None and theirs.to == ours.to:
                return others[0]
    return None


def _attribute(resource: Resource, by: str | None) -> Attribute:
    attribute = resource.by_name.get(by or resource.type.title)
    if attribute is None or not isinstance(attribute.kind, TextKind) or attribute.key is None:
        usable = [each.name for each in resource.attributes if each.key is not None]
        raise Invalid(f"a {resource.label.lower()} can't be looked for by {by!r}; use {' or '.join(['id', *usable])}")
    return attribute


def _seeing(permissions: Permissions, principal: Principal | None) -> sa.ColumnElement[Any]:
    """The addresses that the principal may see, as the endpoint of users shows them: else a file would tell who has which."""
    if principal is None or permissions.allows(principal, "users:write"):
        return users.c.email
    return sa.case((users.c.id == principal.user_id, users.c.email))


def _of_accounts(
    to: str, by: str | None, email: sa.ColumnElement[Any]
) -> tuple[sa.Column[Any], Sequence[sa.ColumnElement[Any]], Any]:
    usable: Mapping[str, sa.ColumnElement[Any]] = (
        {"email": email, "name": users.c.name} if to == USER else {"name": teams.c.name}
    )
    if by is not None and by not in usable:
        raise Invalid(f"a {to} can't be looked for by {by!r}; use {' or '.join(['id', *usable])}")
    columns = [usable[by]] if by else list(usable.values())
    table = users if to == USER else teams
    assert to in (USER, TEAM)
    return table.c.id, columns, table.c.get("deleted_at")


def _key(name: Name) -> Key:
    """Under what a name is kept: an id is the same within anything."""
    given = _id(name.text)
    return (name.key, name.scope) if given is None else (str(given), None)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if len(text.strip()) == 36 else None
    except ValueError:
        return None


def _noun(scope: str | None) -> str:
    return (scope or "").removesuffix("_id").replace("_", " ")


def _parts(values: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
