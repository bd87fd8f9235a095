"""For which organisation a command works, and as whom."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tables import teams, users
from bharat.contracts.database import Database
from bharat.contracts.errors import BharatError
from bharat.contracts.principal import Principal, Role
from bharat.data.organisations import organisations

_SHOWN = 10


def organisation_called(database: Database, slug: str | None) -> UUID:
    """The organisation of this slug; with `None` the only one there is. Raises `BharatError` that names the choices."""
    found = database.read(None).rows(sa.select(organisations.c.id, organisations.c.slug).order_by(organisations.c.slug))
    if slug is None and len(found) == 1:
        return UUID(str(found[0].id))
    for row in found:
        if row.slug == slug:
            return UUID(str(row.id))
    if not found:
        raise BharatError("there is no organisation yet; make one with `bharat org create`")
    known = ", ".join(row.slug for row in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    said = "say which organisation with --org" if slug is None else f"there is no organisation {slug!r}"
    raise BharatError(f"{said}; there are: {known}")


def user_with_address(database: Database, organisation_id: UUID, email: str) -> Principal:
    """The user of this address as a principal, with all that the role may do. Raises `BharatError`."""
    reader = database.read(organisation_id)
    row = reader.row(
        sa.select(users.c.id, users.c.role, users.c.team_id).where(
            users.c.email == email.strip().lower(), users.c.active.is_(True), users.c.deleted_at.is_(None)
        )
    )
    if row is None:
        raise BharatError(f"the organisation has no active user with the address {email}")
    led = reader.rows(sa.select(teams.c.id).where(teams.c.lead_id == row.id))
    own = [row.team_id] if row.team_id is not None else []
    team_ids = tuple(sorted({*own, *(team.id for team in led)}))
    return Principal(organisation_id=organisation_id, user_id=row.id, role=Role(row.role), team_ids=team_ids)
