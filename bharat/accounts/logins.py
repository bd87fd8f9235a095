"""Logging in, and changing one's password. A login costs the same whether the address exists or not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.authentication import was_ended
from bharat.accounts.ending import dropped_unless_done, forget_sessions, log_out, sessions_unavailable
from bharat.accounts.service import Accounts
from bharat.accounts.tables import credentials, users
from bharat.accounts.trail import note
from bharat.accounts.users import set_password
from bharat.contracts.errors import Conflict, FieldFault, Invalid, Unauthenticated
from bharat.contracts.principal import Actor, ActorKind, Principal
from bharat.contracts.sessions import NewSession, Session, SessionsUnavailable

log = logging.getLogger(__name__)

_CREDENTIAL = sa.select(credentials.c.user_id, credentials.c.organisation_id, credentials.c.password_hash)
_MINE = sa.and_(credentials.c.user_id == users.c.id, credentials.c.organisation_id == users.c.organisation_id)
_LOGIN = sa.select(users.c.name, users.c.epoch, credentials.c.email, credentials.c.password_hash).select_from(
    users.join(credentials, _MINE)
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a call comes from, as far as a session and a budget want to know."""

    address: str
    user_agent: str | None
    request_id: str


def normal_email(text: str) -> str:
    """The form in which addresses are stored and compared."""
    return text.strip().lower()


def log_in(
    accounts: Accounts, email: str, password: str, caller: Caller, old_token: str | None, old: Principal | None
) -> tuple[str, Session]:
    """A new session for who proves an address and its password; a session that the caller had, and whose principal was `old`, ends
    (ASVS 5.0, 7.2.4).

    Raises `Unauthenticated`, the same for every reason, `TooManyRequests` and `Unavailable`."""
    email = normal_email(email)
    accounts.budgets.login(email, caller.address)
    database = accounts.app.database
    found = database.read(None).row(_CREDENTIAL.where(credentials.c.email == email))
    matches = accounts.passwords.verify(password, found.password_hash if found is not None else None)
    user = None
    if found is not None and matches:
        user = _proven(accounts, found.organisation_id, found.user_id, email, password, found.password_hash)
    if found is None or user is None:
        log.info("a login from %s was refused", caller.address)
        raise Unauthenticated("The address or the password is wrong.")
    accounts.budgets.login_succeeded(email, caller.address)
    renewed = accounts.passwords.hash(password) if accounts.passwords.outdated(user.password_hash) else None
    begun = begin_session(accounts, found.organisation_id, found.user_id, user.epoch, caller)
    with database.write(found.organisation_id, Actor(ActorKind.USER, found.user_id, caller.request_id)) as unit:
        if renewed is not None:
            mine = (credentials.c.user_id == found.user_id) & (credentials.c.password_hash == user.password_hash)
            unit.execute(credentials.update().where(mine).values(password_hash=renewed))
        note(unit, "logged_in", "user", found.user_id, {"session": (None, begun[1].handle)})
    if old_token is not None:
        log_out(accounts, old_token, old)
    return begun


def change_password(
    accounts: Accounts, principal: Principal, token: str, current: str, new: str, caller: Caller
) -> str:
    """Replace one's password and return the token of a new session; all others end (ASVS 5.0, 7.4.3).

    Raises `Invalid` for a wrong current or an unacceptable new password, `Conflict` when somebody changed it meanwhile."""
    database = accounts.app.database
    me = _me(accounts, principal)
    accounts.budgets.password(principal.user_id)
    if not accounts.passwords.verify(current, me.password_hash):
        raise Invalid(
            "The current password is wrong.", faults=[FieldFault("/current_password", "is not your current password")]
        )
    accounts.budgets.password_proven(principal.user_id)
    accounts.passwords.check(new, email=me.email, name=me.name, path="/new_password")
    kept = accounts.passwords.hash(new)
    # The new session is of the next epoch, so it is dead unless the change is committed.
    fresh, session = begin_session(accounts, principal.organisation_id, principal.user_id, me.epoch + 1, caller)
    with dropped_unless_done(accounts, fresh), database.write(principal.organisation_id, principal.actor) as unit:
        mine = (users.c.id == principal.user_id, users.c.epoch == me.epoch, ~was_ended(principal.session))
        raised = unit.execute(users.update().where(*mine).values(epoch=me.epoch + 1)).rowcount
        if raised != 1 or not set_password(unit, principal.user_id, kept):
            raise Conflict("Your login was changed in the meantime: log in again.")
        note(unit, "password_changed", "user", principal.user_id)
    forget_sessions(accounts, principal.organisation_id, principal.user_id, keep=session.handle)
    return fresh


def begin_session(
    accounts: Accounts, organisation_id: UUID, user_id: UUID, epoch: int, caller: Caller
) -> tuple[str, Session]:
    """A new session under the policy. Raises `Unavailable`."""
    policy = accounts.policy
    new = NewSession(
        organisation_id=organisation_id,
        user_id=user_id,
        epoch=epoch,
        idle=policy.session_idle,
        absolute=policy.session_absolute,
        address=caller.address,
        user_agent=caller.user_agent,
    )
    try:
        return accounts.app.sessions.create(new)
    except SessionsUnavailable as error:
        raise sessions_unavailable() from error


def _proven(
    accounts: Accounts, organisation_id: UUID, user_id: UUID, email: str, password: str, verified: str
) -> sa.Row[Any] | None:
    """The active user's row, when the password is still that of this address; `verified` is the hash it was found to match.

    A hash takes long enough for somebody to change the password meanwhile, which raises the epoch. So the epoch is read in one
    statement with the hash that it belongs to: a session of it ends with that hash."""
    row = accounts.app.database.read(organisation_id).row(
        _LOGIN.where(users.c.id == user_id, users.c.active.is_(True), credentials.c.email == email)
    )
    if row is None or row.password_hash == verified:
        return row
    return row if accounts.passwords.verify(password, row.password_hash) else None


def _me(accounts: Accounts, principal: Principal) -> Any:
    row = accounts.app.database.read(principal.organisation_id).row(_LOGIN.where(users.c.id == principal.user_id))
    if row is None:
        raise Conflict("You have no login any more: log in again.")
    return row
