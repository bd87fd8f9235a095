"""Password resets by mail (OWASP Forgot Password Cheat Sheet). Asking does the same work whether the address exists or not: it
writes one job; only the job looks.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from bharat.accounts.ending import forget_sessions
from bharat.accounts.logins import Caller, normal_email
from bharat.accounts.mails import RESET, send_reset
from bharat.accounts.service import Accounts, accounts_of
from bharat.accounts.tables import credentials, password_resets, users
from bharat.accounts.tokens import derived_token, hash_of, organisation_of
from bharat.accounts.trail import note
from bharat.accounts.users import raise_epoch, set_password
from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.contracts.work import JobContext, JobSpec
from bharat.data.row_locks import locked
from bharat.work import enqueue


def ask_for_reset(accounts: Accounts, email: str, caller: Caller) -> None:
    """Have a link mailed to the address if it has a login. Raises `TooManyRequests`, the same for every address."""
    email = normal_email(email)
    accounts.budgets.reset(email, caller.address)
    with accounts.app.database.write(None, Actor(ActorKind.SYSTEM, None, caller.request_id)) as unit:
        enqueue(unit, REQUEST, {"email": email})


def _prepare(job: JobContext) -> None:
    """Make the reset and its mail, if the address has a login."""
    app, email = job.app, str(job.payload["email"])
    statement = sa.select(credentials.c.user_id, credentials.c.organisation_id).where(credentials.c.email == email)
    found = app.database.read(None).row(statement)
    if found is None:
        return
    lifetime = accounts_of(app).policy.reset_lifetime
    with app.database.write(found.organisation_id, Actor(SYSTEM.kind, None, job.request_id)) as unit:
        # Locked: who is deactivated or gets another login at this moment must find the link, to end it.
        active = locked(sa.select(users.c.id).where(users.c.id == found.user_id, users.c.active.is_(True)), "change")
        made = sa.select(password_resets.c.id).where(password_resets.c.id == job.id)
        # The reset has the job's id: a job that runs twice makes one.
        if unit.scalar(active) is None or unit.scalar(made) is not None:
            return
        row = {
            "id": job.id,
            "user_id": found.user_id,
            "token_hash": hash_of(derived_token(app, RESET, found.organisation_id, job.id)),
            "created_at": unit.at,
            "expires_at": unit.at + lifetime,
        }
        unit.execute(password_resets.insert(), row)
        send_reset(unit, job.id)
        note(unit, "password_reset_asked", "user", found.user_id)


REQUEST = JobSpec(
    kind="accounts.reset_request",
    run=_prepare,
    priority=50,
    time_limit=timedelta(minutes=1),
    summary="Prepare the reset of a password, if the address has a login",
)


def confirm_reset(accounts: Accounts, token: str, password: str, caller: Caller) -> None:
    """Set the password of who holds the token; every session of the user ends and the link is used up.

    Raises `Invalid` for a token that is unknown, used or expired, and for an unacceptable password."""
    accounts.budgets.token(caller.address)
    organisation_id = organisation_of(token)
    if organisation_id is None:
        raise _wrong_token()
    app = accounts.app
    live = sa.and_(
        password_resets.c.token_hash == hash_of(token),
        password_resets.c.used_at.is_(None),
        password_resets.c.expires_at > app.database.now(),
    )
    statement = (
        sa.select(password_resets.c.id, password_resets.c.user_id, users.c.name, users.c.email)
        .select_from(password_resets.join(users, users.c.id == password_resets.c.user_id))
        .where(live, users.c.active.is_(True))
    )
    found = app.database.read(organisation_id).row(statement)
    if found is None:
        raise _wrong_token()
    accounts.passwords.check(password, email=found.email, name=found.name)
    kept = accounts.passwords.hash(password)
    with app.database.write(organisation_id, Actor(ActorKind.USER, found.user_id, caller.request_id)) as unit:
        # The user before the link, as everybody locks them: two who wait for each other would wait in a ring.
        if unit.scalar(locked(sa.select(users.c.id).where(users.c.id == found.user_id), "change")) is None:
            raise _wrong_token()
        if unit.execute(password_resets.update().where(live).values(used_at=unit.at)).rowcount != 1:
            raise _wrong_token()
        if not set_password(unit, found.user_id, kept):
            raise _wrong_token()
        raise_epoch(unit, found.user_id)
        note(unit, "password_reset", "user", found.user_id)
    forget_sessions(accounts, organisation_id, found.user_id)
    accounts.budgets.password_set(found.email)


def _wrong_token() -> Invalid:
    return Invalid(
        "The link can't be used.", faults=[FieldFault("/token", "is unknown, was used already or has expired")]
    )
