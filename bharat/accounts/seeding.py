"""What the command line, the demo and imports build on: organisations, users and teams by name.

The functions that take a unit can be called many times inside one, so that a batch is stored whole or not at all.
"""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tables import users
from bharat.accounts.teams import find_or_create_team
from bharat.accounts.trail import note
from bharat.accounts.users import add_user, change_user, find_user, set_login
from bharat.contracts.database import Database, Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid
from bharat.contracts.principal import Actor, Role
from bharat.data import new_id
from bharat.data.organisations import organisations

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def create_organisation(database: Database, name: str, *, slug: str | None = None, actor: Actor) -> UUID:
    """Make an organisation; its id. Raises `Invalid` for a bad slug or an empty name, `Conflict` for a slug that is taken."""
    if not name.strip():
        raise Invalid("An organisation needs a name.", faults=[FieldFault("/name", "must not be empty")])
    slug = slug if slug is not None else slug_of(name)
    if not _SLUG.fullmatch(slug):
        raise Invalid(
            f"{slug!r} can't be a slug.",
            faults=[FieldFault("/slug", "use 1 to 63 of a-z, 0-9 and -, not at the ends")],
        )
    id = new_id()
    try:
        with database.write(None, actor) as unit:
            unit.execute(organisations.insert(), {"id": id, "slug": slug, "name": name.strip(), "created_at": unit.at})
    except sa.exc.IntegrityError as error:
        raise Conflict(f"There is an organisation {slug!r} already.") from error
    with database.write(id, actor) as unit:
        note(unit, "created", "organisation", id, {"name": (None, name), "slug": (None, slug)})
    return id


def find_organisation(database: Database, slug: str) -> UUID | None:
    """The organisation of this slug, or `None`."""
    found: UUID | None = database.read(None).scalar(sa.select(organisations.c.id).where(organisations.c.slug == slug))
    return found


def create_user(
    unit: Unit,
    *,
    name: str,
    role: Role = Role.AGENT,
    team_id: UUID | None = None,
    email: str | None = None,
    password_hash: str | None = None,
) -> UUID:
    """Make a user; its id. With a hash (`Passwords.hash`) and an address the user can log in, else is only owned for.

    Raises `Conflict` for an address taken."""
    if password_hash is not None and email is None:
        raise Invalid("A login needs an address.", faults=[FieldFault("/email", "is needed for a login")])
    id = add_user(unit, name=name, role=role, email=email, team_id=team_id)
    if password_hash is not None and email is not None:
        set_login(unit, id, email, password_hash)
    return id


def find_user_by_name(unit: Unit, name: str) -> UUID | None:
    """The oldest user of this name, or `None`."""
    statement = sa.select(users.c.id).where(users.c.name == name, users.c.deleted_at.is_(None)).order_by(users.c.id)
    found: UUID | None = unit.scalar(statement.limit(1))
    return found


def find_or_create_user(unit: Unit, name: str, *, role: Role = Role.AGENT, team_id: UUID | None = None) -> UUID:
    """The user of this name, made without a login when there is none. A team that is given becomes the user's; nothing is
    written when everything is so already."""
    found = find_user_by_name(unit, name)
    if found is None:
        return create_user(unit, name=name, role=role, team_id=team_id)
    if team_id is not None:
        row = find_user(unit, found, lock="change")
        if row.team_id != team_id:
            change_user(unit, row, {"team_id": team_id})
    return found


def slug_of(name: str) -> str:
    """A slug made of a name's letters and digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")


__all__ = [
    "create_organisation",
    "create_user",
    "find_or_create_team",
    "find_or_create_user",
    "find_organisation",
    "find_user_by_name",
    "set_login",
    "slug_of",
]
