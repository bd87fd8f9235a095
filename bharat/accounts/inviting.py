"""Invitations: an administrator names an address, its owner proves it by the mail and chooses a password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.logins import Caller
from bharat.accounts.mails import INVITATION, send_invitation
from bharat.accounts.service import Accounts
from bharat.accounts.tables import invitations, teams, users
from bharat.accounts.tokens import derived_token, hash_of, organisation_of
from bharat.accounts.trail import author_of, note
from bharat.accounts.users import add_user, end_invitations, find_user, set_login
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.contracts.principal import Actor, ActorKind, Role
from bharat.data import new_id

_OPEN = sa.and_(invitations.c.accepted_at.is_(None), invitations.c.revoked_at.is_(None))


def invite(
    accounts: Accounts,
    unit: Unit,
    *,
    email: str,
    role: Role,
    name: str | None = None,
    team_id: UUID | None = None,
    user_id: UUID | None = None,
) -> UUID:
    """Invite an address and have the mail sent; an open invitation of it is replaced. With `user_id` the login is for a user who
    exists, whose role and team stay; one that was sent for the user to another address, a mistyped one, is replaced too.

    Whether the address has a login elsewhere is told to nobody but its owner, on accepting. Raises `Conflict` when it is that
    of a user here, `Invalid` for a team that is not there, `NotFound` for a user who is not."""
    if user_id is not None:
        # Locked, so that of two invitations made at once the second replaces the first.
        user = find_user(unit, user_id, lock="change")
        name, role, team_id = user.name, Role(user.role), None
    if team_id is not None and unit.scalar(sa.select(teams.c.id).where(teams.c.id == team_id)) is None:
        raise Invalid("The team is not there.", faults=[FieldFault("/team_id", "there is no such team")])
    holder = unit.scalar(sa.select(users.c.id).where(users.c.email == email))
    if holder is not None and holder != user_id:
        raise Conflict("The address belongs to a user of this organisation: invite that user by user_id.")
    end_invitations(unit, user_id, email)
    id, organisation_id = new_id(), unit.organisation_id
    assert organisation_id is not None
    row = {
        "id": id, "email": email, "name": name, "role": role.value, "team_id": team_id, "user_id": user_id,
        "token_hash": hash_of(derived_token(accounts.app, INVITATION, organisation_id, id)),
        "created_at": unit.at, "created_by": author_of(unit),
        "expires_at": unit.at + accounts.policy.invitation_lifetime,
    }  # fmt: skip
    unit.execute(invitations.insert(), row)
    send_invitation(unit, id)
    note(unit, "created", "invitation", id, {"email": (None, email), "role": (None, role)})
    return id


def withdraw(unit: Unit, invitation_id: UUID) -> None:
    """Make an open invitation worthless. Raises `NotFound` when there is no such, or it was accepted."""
    statement = invitations.update().where(invitations.c.id == invitation_id, _OPEN).values(revoked_at=unit.at)
    if unit.execute(statement).rowcount != 1:
        raise NotFound("There is no such open invitation.")
    note(unit, "revoked", "invitation", invitation_id)


def accept(accounts: Accounts, token: str, password: str, name: str | None, caller: Caller) -> UUID:
    """Make the invited user, or the login of the one who exists; its id.

    Raises `Invalid` for a token that is unknown, used, withdrawn or expired and for an unacceptable password or name,
    `Conflict` when the address has a login already."""
    accounts.budgets.token(caller.address)
    organisation_id = organisation_of(token)
    if organisation_id is None:
        raise _wrong_token()
    app = accounts.app
    live = sa.and_(invitations.c.token_hash == hash_of(token), _OPEN, invitations.c.expires_at > app.database.now())
    found = app.database.read(organisation_id).row(sa.select(invitations).where(live))
    if found is None:
        raise _wrong_token()
    name = name or found.name
    if name is None:
        raise Invalid("Your name is needed.", faults=[FieldFault("/name", "is needed: the invitation holds none")])
    accounts.passwords.check(password, email=found.email, name=name)
    kept = accounts.passwords.hash(password)
    user_id: UUID = found.user_id or new_id()
    with app.database.write(organisation_id, Actor(ActorKind.USER, user_id, caller.request_id)) as unit:
        # The user before the invitation, as everybody locks them: two who wait for each other would wait in a ring.
        if found.user_id is not None and not _is_active(unit, user_id):
            raise _wrong_token()
        if unit.execute(invitations.update().where(live).values(accepted_at=unit.at)).rowcount != 1:
            raise _wrong_token()
        if found.user_id is None:
            add_user(unit, id=user_id, name=name, role=Role(found.role), email=found.email, team_id=found.team_id)
        set_login(unit, user_id, found.email, kept)
        note(unit, "accepted", "invitation", found.id, {"user_id": (None, user_id)})
    return user_id


def open_invitations(limit: int, after: UUID | None) -> sa.Select[Any]:
    """Invitations that wait, in order of making."""
    statement = sa.select(invitations).where(_OPEN).order_by(invitations.c.id).limit(limit)
    return statement if after is None else statement.where(invitations.c.id > after)


def _is_active(unit: Unit, user_id: UUID) -> bool:
    """Whether the user is there and active, and stays so until the unit ends."""
    try:
        return bool(find_user(unit, user_id, lock="change").active)
    except NotFound:
        return False


def _wrong_token() -> Invalid:
    return Invalid(
        "The invitation can't be used.",
        faults=[FieldFault("/token", "is unknown, was used or withdrawn already, or has expired")],
    )
