"""Users and their teams from a file: people without a login, so that records can be owned before anybody signs in.

The fields are `name`, `email`, `role` (`agent` unless given), `team`, `manager` and `region`. A manager that is not there
yet is made with the role `manager` and leads the team; a row that names a manager and no team belongs to the team that
carries the manager's name. `region` is the team's. A user is found by address when the row has one, else by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.logins import normal_email
from bharat.accounts.seeding import create_user, find_or_create_team, find_or_create_user
from bharat.accounts.tables import teams, users
from bharat.accounts.teams import change_team, find_team
from bharat.accounts.users import change_user, find_user
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.contracts.principal import Role
from bharat.records.attributes import Attribute
from bharat.records.importing.columns import Targets, bind
from bharat.records.importing.drafts import Draft, Drafter, Fault
from bharat.records.importing.importer import Counts, Rejected, Units
from bharat.records.importing.options import ImportOptions
from bharat.records.importing.source import CsvFile
from bharat.records.kinds import ChoiceKind, TextKind

Outcome = Literal["created", "updated", "unchanged"]

FIELDS: Sequence[Attribute] = (
    Attribute(name="name", kind=TextKind(200, required=True), column=users.c.name, writable=True, required=True),
    Attribute(name="email", kind=TextKind(254, format="email"), column=users.c.email, writable=True),
    Attribute(name="role", kind=ChoiceKind(tuple(Role)), column=users.c.role, writable=True),
    Attribute(name="team", kind=TextKind(100), column=teams.c.name, writable=True),
    Attribute(name="manager", kind=TextKind(100), column=users.c.name, writable=True),
    Attribute(name="region", kind=TextKind(100), column=teams.c.region, writable=True),
)


def import_users(
    file: CsvFile,
    units: Units,
    options: ImportOptions,
    *,
    rejected: Callable[[Rejected], None],
    progress: Callable[[Counts], None] = lambda _: None,
) -> Counts:
    """Import the rows, each batch in a unit of its own. Importing a file again changes nothing.

    `created` counts the users of the rows; managers made in passing come on top. Raises what `Importer.run` raises."""
    plan = bind(file.header, Targets("user", FIELDS, {}), options)
    if not any(column.target.name == "name" for column in plan.columns):
        detail = "no column holds the users' names: map one to name"
        raise Invalid(detail, faults=[FieldFault("?map", detail)])
    drafter = Drafter(plan, (), options)
    counts = Counts()
    rows = iter(file)
    while batch := list(islice(rows, options.batch)):
        with units() as unit:
            for row in batch:
                counts.rows += 1
                draft = drafter.draft(row)
                if not draft.faults:
                    _write(unit, draft, counts)
                if draft.faults:
                    counts.rejected += 1
                    rejected(Rejected(row.line, row.cells, draft.faults))
        progress(counts)
    return counts


def _write(unit: Unit, draft: Draft, counts: Counts) -> None:
    values = draft.values
    if not values.get("name"):
        draft.faults.append(Fault("name", "is required"))
        return
    try:
        with unit.savepoint():
            outcome = _one(unit, values)
    except (Invalid, Conflict, NotFound) as problem:
        faults = [Fault(fault.path.removeprefix("/"), fault.detail) for fault in problem.faults]
        draft.faults += faults or [Fault("", problem.detail)]
        return
    setattr(counts, outcome, getattr(counts, outcome) + 1)


def _one(unit: Unit, values: dict[str, Any]) -> Outcome:
    team_id = _team(unit, values)
    email = normal_email(values["email"]) if values.get("email") else None
    found = _found(unit, values["name"], email)
    if found is None:
        role = Role(values.get("role") or Role.AGENT)
        create_user(unit, name=values["name"], role=role, team_id=team_id, email=email)
        return "created"
    row = find_user(unit, found, lock="change")
    wanted = {"name": values["name"], "email": email, "role": values.get("role"), "team_id": team_id}
    version = change_user(unit, row, {name: value for name, value in wanted.items() if value is not None})
    return "unchanged" if version == row.version else "updated"


def _found(unit: Unit, name: str, email: str | None) -> UUID | None:
    live = sa.select(users.c.id).where(users.c.deleted_at.is_(None)).limit(2)
    if email is not None:
        by_address = unit.rows(live.where(users.c.email == email))
        if by_address:
            return UUID(str(by_address[0].id))
        live = live.where(users.c.email.is_(None))
    by_name = unit.rows(live.where(users.c.name == name))
    if len(by_name) > 1:
        raise Conflict(f"there are several users named {name!r}: give their addresses")
    return UUID(str(by_name[0].id)) if by_name else None


def _team(unit: Unit, values: dict[str, Any]) -> UUID | None:
    manager, region = values.get("manager"), values.get("region")
    name = values.get("team") or manager
    if name is None:
        return None
    lead_id = find_or_create_user(unit, manager, role=Role.MANAGER) if manager is not None else None
    team_id = find_or_create_team(unit, name, lead_id=lead_id, region=region)
    if region is not None:
        change_team(unit, find_team(unit, team_id, lock="change"), {"region": region})
    return team_id
