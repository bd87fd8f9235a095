"""What a write must know of other rows, in one statement: that what it refers to exists and may be seen, the owner's team, and
whether the organisation asks for custom fields.

A row that is referred to is locked against deletion until the write commits (FOR KEY SHARE, as a foreign key does), so that a
concurrent delete sees the reference, or this write sees the delete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.permissions import VIEWER, VIEWER_TEAMS, Permissions, visible_rows
from bharat.accounts.tables import teams, users
from bharat.contracts.database import Unit
from bharat.contracts.principal import Principal, Visibility
from bharat.records.custom_fields import required_custom
from bharat.records.resource import Resource
from bharat.records.tables import TEAM, USER


@dataclass(frozen=True, slots=True)
class Found:
    """`missing` names the references that point to nothing the writer may refer to."""

    missing: frozenset[str]
    owner_team: UUID | None
    custom_required: bool


_NOTHING = Found(frozenset(), None, False)


class Lookups:
    """The look-ups of one type's writes. `target` gives the resource of another record type by name."""

    def __init__(self, resource: Resource, permissions: Permissions, target: Callable[[str], Resource]) -> None:
        self._resource = resource
        self._permissions = permissions
        self._target = target
        self._statements: dict[Any, sa.Select[Any]] = {}

    def find(
        self,
        unit: Unit,
        principal: Principal | None,
        references: Mapping[str, UUID],
        *,
        team_of: UUID | None = None,
        custom: bool = False,
    ) -> Found:
        """Look up `references` (attribute to id), the team of the user `team_of`, and with `custom` whether custom fields
        are required."""
        if not references and team_of is None and not custom:
            return _NOTHING
        reach = {name: self._reach(principal, name) for name in references}
        shape = (tuple(reach.items()), team_of is not None, custom)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self._statement(reach, team_of is not None, custom)
        parameters: dict[str, Any] = {f"to_{name}": id for name, id in references.items()}
        parameters |= {"member": team_of, "record_type": self._resource.name}
        if principal is not None:
            parameters |= {VIEWER: principal.user_id, VIEWER_TEAMS: list(principal.team_ids)}
        row = unit.rows(statement, parameters)[0]
        missing = frozenset(name for name, found in zip(references, row, strict=False) if found is None)
        rest = row[len(references) :]
        return Found(
            missing,
            rest[0] if team_of is not None else None,
            bool(rest[-1]) if custom else False,
        )

    def _reach(self, principal: Principal | None, name: str) -> Visibility:
        to = self._resource.by_name[name].to
        assert to is not None
        if principal is None or to in (USER, TEAM):
            return Visibility.ALL
        return self._permissions.visibility(principal, self._target(to).plural, "read")

    def _statement(self, reach: Mapping[str, Visibility], member: bool, custom: bool) -> sa.Select[Any]:
        columns: list[Any] = [self._exists(name, visibility) for name, visibility in reach.items()]
        if member:
            columns.append(
                sa.select(users.c.team_id)
                .where(users.c.id == sa.bindparam("member", type_=sa.Uuid))
                .scalar_subquery()
                .label("owner_team")
            )
        if custom:
            columns.append(required_custom.scalar_subquery().label("custom_required"))
        return sa.select(*columns)

    def _exists(self, name: str, visibility: Visibility) -> sa.Label[Any]:
        to = self._resource.by_name[name].to
        assert to is not None
        table = {USER: users, TEAM: teams}.get(to)
        if table is None:
            table = self._target(to).table
        statement = sa.select(table.c.id).where(table.c.id == sa.bindparam(f"to_{name}", type_=sa.Uuid))
        if "deleted_at" in table.c:
            statement = statement.where(table.c.deleted_at.is_(None))
        if (criterion := visible_rows(table, visibility)) is not None:
            statement = statement.where(criterion)
        return statement.with_for_update(read=True, key_share=True).scalar_subquery().label(f"found_{name}")
