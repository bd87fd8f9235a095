"""Teams, inside a unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.names import (
    LONGEST_DESCRIPTION,
    LONGEST_REGION,
    LONGEST_TEAM_NAME,
    check_length,
    check_line,
    trimmed,
)
from bharat.accounts.tables import invitations, teams, users
from bharat.accounts.trail import difference, note
from bharat.accounts.users import taken_is_conflict
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.data import new_id
from bharat.data.row_locks import Lock, locked


def add_team(
    unit: Unit,
    *,
    name: str,
    lead_id: UUID | None = None,
    region: str | None = None,
    description: str | None = None,
) -> UUID:
    """Add a team; its id. Raises `Invalid` for a lead who is not there and for texts that can't be a team's, `Conflict` for a
    name taken."""
    told = _checked({"name": name, "lead_id": lead_id, "region": region, "description": description})
    _check_lead(unit, lead_id)
    id = new_id()
    with taken_is_conflict(unit, f"There is a team {told['name']!r} already."):
        unit.execute(teams.insert(), {"id": id, **told, "version": 1, "created_at": unit.at, "updated_at": unit.at})
    note(unit, "created", "team", id, {field: (None, value) for field, value in told.items() if value is not None})
    return id


def find_team(unit: Unit, team_id: UUID, *, lock: Lock | None = None) -> sa.Row[Any]:
    """The team's row, locked for what is to be done with it. Raises `NotFound`."""
    statement = sa.select(teams).where(teams.c.id == team_id)
    row = unit.row(locked(statement, lock))
    if row is None:
        raise NotFound("There is no such team.")
    return row


def change_team(unit: Unit, row: sa.Row[Any], values: Mapping[str, Any]) -> int:
    """Write `values` (of name, lead_id, region, description) to a team locked by `find_team`; the new version. Raises
    what `add_team` raises."""
    values = _checked(values)
    changes = difference(row._asdict(), values)
    if not changes:
        return int(row.version)
    if "lead_id" in changes:
        _check_lead(unit, values["lead_id"])
    written: dict[str, Any] = {field: after for field, (_, after) in changes.items()}
    statement = (
        teams.update()
        .where(teams.c.id == row.id)
        .values(**written, version=teams.c.version + 1, updated_at=unit.at)
        .returning(teams.c.version)
    )
    with taken_is_conflict(unit, "There is a team of this name already."):
        version = unit.execute(statement).scalar_one()
    note(unit, "updated", "team", row.id, changes)
    return int(version)


def delete_team(unit: Unit, row: sa.Row[Any]) -> None:
    """Remove a team that nobody belongs to and no record names. Raises `Conflict` for any other, and while an invitation into
    it is open."""
    i = invitations.c
    over = sa.or_(i.accepted_at.is_not(None), i.revoked_at.is_not(None), i.expires_at <= unit.at)
    unit.execute(invitations.update().where(i.team_id == row.id, over).values(team_id=None))
    with taken_is_conflict(
        unit,
        "The team is still in use: move its members and records to another team, and withdraw invitations into it, first.",
    ):
        unit.execute(teams.delete().where(teams.c.id == row.id))
    note(unit, "deleted", "team", row.id, {"name": (row.name, None)})


def find_or_create_team(unit: Unit, name: str, *, lead_id: UUID | None = None, region: str | None = None) -> UUID:
    """The team of this name, made when there is none. A lead given for a team that has none becomes its lead.

    Raises `Conflict` when the team has another lead, and what `add_team` raises."""
    name = trimmed(name, longest=LONGEST_TEAM_NAME)
    row = unit.row(locked(sa.select(teams).where(teams.c.name == name), "change"))
    if row is None:
        return add_team(unit, name=name, lead_id=lead_id, region=region)
    if lead_id is not None and row.lead_id is None:
        change_team(unit, row, {"lead_id": lead_id})
    elif lead_id is not None and row.lead_id != lead_id:
        raise Conflict(f"The team {name!r} has another lead.")
    found: UUID = row.id
    return found


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the name trimmed. Raises `Invalid` for a text that can't be a team's."""
    found = dict(values)
    if "name" in found:
        found["name"] = trimmed(found["name"], longest=LONGEST_TEAM_NAME)
    check_line(found.get("region"), "/region", longest=LONGEST_REGION)
    check_length(found.get("description"), "/description", longest=LONGEST_DESCRIPTION)
    return found


def _check_lead(unit: Unit, lead_id: UUID | None) -> None:
    there = sa.select(users.c.id).where(users.c.id == lead_id, users.c.deleted_at.is_(None))
    if lead_id is not None and unit.scalar(there) is None:
        raise Invalid("The lead is not there.", faults=[FieldFault("/lead_id", "there is no such user")])
