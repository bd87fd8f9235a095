"""Ending sessions: one by itself, which the database remembers, or all of a user's at once, by its epoch. Either is decided in the
database and holds whatever the store of sessions remembers or is restored to. The store is cleared after the commit; that it does not
answer then does no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.accounts.authentication import was_ended
from bharat.accounts.service import Accounts
from bharat.accounts.tables import ended_sessions, users
from bharat.accounts.trail import note
from bharat.contracts.errors import Conflict, Unauthenticated, Unavailable
from bharat.contracts.principal import Principal
from bharat.contracts.sessions import Session, SessionGone, SessionsUnavailable, handle_of

_CLOCKS = timedelta(days=1)
"""How much longer than a session can live its end is remembered: a store may go by a clock of its own."""

_MINE = sa.and_(
    ended_sessions.c.organisation_id == users.c.organisation_id,
    ended_sessions.c.user_id == users.c.id,
)
_EPOCH_AND_ENDED = sa.select(users.c.epoch, ended_sessions.c.handle).select_from(users.outerjoin(ended_sessions, _MINE))


def log_out(accounts: Accounts, token: str, principal: Principal | None) -> None:
    """End the session of `token`, whose principal is `None` when it had ended before. Raises `Unavailable` when it may
    live on."""
    if principal is not None:
        _end(accounts, principal, handle_of(token), "logged_out")
        forget_session(accounts, token)
        return
    try:
        # The database may know nothing of it, so the store has to say that it is gone.
        accounts.app.sessions.delete(token)
    except SessionsUnavailable as error:
        raise sessions_unavailable() from error


def end_one_session(accounts: Accounts, principal: Principal, handle: str) -> bool:
    """End the principal's own session with this handle; whether there was one. Raises `Unavailable`."""
    _, live = live_sessions(accounts, principal)
    if all(session.handle != handle for session in live):
        return False
    ended = _end(accounts, principal, handle, "session_ended")
    with contextlib.suppress(SessionsUnavailable):
        accounts.app.sessions.revoke(principal.organisation_id, principal.user_id, handle)
    return ended


def end_other_sessions(accounts: Accounts, principal: Principal, token: str) -> tuple[str, int]:
    """Log out everywhere but here: a new token for this session, and how many others ended.

    The user's epoch is raised, so that they stay dead whatever their store remembers or is restored to; this one is moved to the new
    epoch first, where it is dead until the change is committed. Raises `Unauthenticated` when it ended meanwhile, `Conflict`
    when it did so only now or another change raised the epoch, and `Unavailable`."""
    epoch, live = live_sessions(accounts, principal)
    try:
        fresh = accounts.app.sessions.rotate(token, epoch=epoch + 1)
    except SessionsUnavailable as error:
        raise sessions_unavailable() from error
    except SessionGone as error:
        raise Unauthenticated("This session has ended: log in again.") from error
    count = sum(session.handle != principal.session for session in live)
    database = accounts.app.database
    with dropped_unless_done(accounts, fresh), database.write(principal.organisation_id, principal.actor) as unit:
        # Moved, the session has another handle: what was ended under its old one must not live on under the new.
        mine = (users.c.id == principal.user_id, users.c.epoch == epoch, ~was_ended(principal.session))
        if unit.execute(users.update().where(*mine).values(epoch=epoch + 1)).rowcount != 1:
            raise Conflict("Your login was changed in the meantime: log in again.")
        note(unit, "sessions_ended", "user", principal.user_id, {"count": (count, 0)})
    forget_sessions(accounts, principal.organisation_id, principal.user_id, keep=handle_of(fresh))
    return fresh, count


def live_sessions(accounts: Accounts, principal: Principal) -> tuple[int, Sequence[Session]]:
    """The user's epoch and its sessions, newest login first, without those that have ended and still lie in the store.

    Raises `Unavailable`."""
    found = accounts.app.database.read(principal.organisation_id).rows(
        _EPOCH_AND_ENDED.where(users.c.id == principal.user_id)
    )
    if not found:
        raise Unauthenticated("This user does not exist any more.")
    epoch, ended = int(found[0].epoch), {row.handle for row in found}
    try:
        kept = accounts.app.sessions.list(principal.organisation_id, principal.user_id)
    except SessionsUnavailable as error:
        raise sessions_unavailable() from error
    return epoch, [session for session in kept if session.epoch == epoch and session.handle not in ended]


def forget_session(accounts: Accounts, token: str) -> None:
    """Clear away a session that has ended already. A store that does not answer does no harm."""
    with contextlib.suppress(SessionsUnavailable):
        accounts.app.sessions.delete(token)


def forget_sessions(accounts: Accounts, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> None:
    """Clear away sessions that a raised epoch has ended already. A store that does not answer does no harm."""
    with contextlib.suppress(SessionsUnavailable):
        accounts.app.sessions.revoke_all(organisation_id, user_id, keep=keep)


@contextmanager
def dropped_unless_done(accounts: Accounts, token: str) -> Iterator[None]:
    """Drop the session of `token`, which nobody was given yet, when the change inside the block fails."""
    try:
        yield
    except BaseException:
        forget_session(accounts, token)
        raise


def sessions_unavailable() -> Unavailable:
    return Unavailable("The session store does not answer. Try again shortly.")


def _end(accounts: Accounts, principal: Principal, handle: str, action: str) -> bool:
    """Remember that a session of the principal's own has ended, and note it; `False` when that was known."""
    database = accounts.app.database
    insert = (postgresql.insert if database.dialect == "postgresql" else sqlite.insert)(ended_sessions)
    with database.write(principal.organisation_id, principal.actor) as unit:
        keep_until = unit.at + accounts.policy.session_absolute + _CLOCKS
        row = {"user_id": principal.user_id, "handle": handle, "keep_until": keep_until}
        if unit.row(insert.on_conflict_do_nothing().returning(ended_sessions.c.handle), row) is None:
            return False
        note(unit, action, "user", principal.user_id, {"session": (handle, None)})
    return True
