"""From a session or an API key to the principal of a request.

One read of the database each: a session's user is compared with the epoch at its login, and the session looked up among those that
were ended one by one, so what has ended stays so whatever its store remembers; a key, its owner and the owner's teams come in one
statement.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tables import api_keys, ended_sessions, teams, users
from bharat.accounts.tokens import KEY_PREFIX, hash_of, organisation_of
from bharat.contracts.database import Database
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM, Principal, Role
from bharat.contracts.sessions import Session, Sessions, SessionsUnavailable

LAST_USED_EVERY = timedelta(minutes=1)
"""How often at most the use of a key is noted."""

_LED = sa.and_(teams.c.organisation_id == users.c.organisation_id, teams.c.lead_id == users.c.id)


def was_ended(handle: sa.ColumnElement[str] | str | None) -> sa.ColumnElement[bool]:
    """Whether a session of the user of the surrounding statement's row was ended by itself: it is dead, whatever its store remembers."""
    mine = (
        ended_sessions.c.organisation_id == users.c.organisation_id,
        ended_sessions.c.user_id == users.c.id,
        ended_sessions.c.handle == handle,
    )
    return sa.exists().where(*mine).correlate(users)


class Authenticator:
    """Loads principals. `None` means that the credentials are wrong, expired or revoked; a store or database that does not
    answer raises `Unavailable`, so that nobody is told to log in again because a server is down."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._by_user = database.prepare(
            sa.select(users.c.role, users.c.team_id, teams.c.id.label("led"))
            .select_from(users.outerjoin(teams, _LED))
            .where(
                users.c.id == sa.bindparam("user", type_=sa.Uuid),
                users.c.epoch == sa.bindparam("at_epoch", type_=sa.Integer),
                users.c.active.is_(True),
                ~was_ended(sa.bindparam("handle", type_=sa.String)),
            )
        )
        unused_since = database.after(-LAST_USED_EVERY)
        self._by_key = database.prepare(
            sa.select(
                api_keys.c.id,
                api_keys.c.scopes,
                api_keys.c.user_id,
                sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < unused_since).label("unnoted"),
                users.c.role,
                users.c.team_id,
                teams.c.id.label("led"),
            )
            .select_from(
                api_keys.join(
                    users,
                    sa.and_(users.c.organisation_id == api_keys.c.organisation_id, users.c.id == api_keys.c.user_id),
                ).outerjoin(teams, _LED)
            )
            .where(
                api_keys.c.token_hash == sa.bindparam("hash", type_=sa.String),
                api_keys.c.revoked_at.is_(None),
                sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > database.now()),
                users.c.active.is_(True),
            )
        )
        self._note_use = (
            api_keys.update()
            .where(
                api_keys.c.id == sa.bindparam("key_id", type_=sa.Uuid),
                sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < unused_since),
            )
            .values(last_used_at=database.now())
        )

    def by_session(self, token: str) -> Principal | None:
        """The principal of a session token."""
        session = self.session(token)
        return None if session is None else self.of_session(session)

    def session(self, token: str) -> Session | None:
        """The live session of a token, before its user is looked at."""
        try:
            return self._sessions.load(token)
        except SessionsUnavailable as error:
            raise Unavailable(
                "The session store does not answer; you are still logged in. Try again shortly."
            ) from error

    def of_session(self, session: Session) -> Principal | None:
        """The principal of a session: `None` when it was ended, its user was deactivated or the epoch was raised since the login."""
        found = self._database.read(session.organisation_id).rows(
            self._by_user, {"user": session.user_id, "at_epoch": session.epoch, "handle": session.handle}
        )
        if not found:
            return None
        return Principal(
            organisation_id=session.organisation_id,
            user_id=session.user_id,
            role=Role(found[0].role),
            team_ids=_teams(found),
            session=session.handle,
        )

    def by_api_key(self, text: str) -> Principal | None:
        """The principal of an API key: its owner, whose role is the ceiling, limited to the key's scopes."""
        organisation_id = organisation_of(text, KEY_PREFIX)
        if organisation_id is None:
            return None
        found = self._database.read(organisation_id).rows(self._by_key, {"hash": hash_of(text)})
        if not found:
            return None
        first = found[0]
        if first.unnoted:
            self._note(organisation_id, first.id)
        return Principal(
            organisation_id=organisation_id,
            user_id=first.user_id,
            role=Role(first.role),
            team_ids=_teams(found),
            scopes=frozenset(first.scopes),
            api_key_id=first.id,
        )

    def _note(self, organisation_id: UUID, key_id: UUID) -> None:
        # A note for people, not a condition: the next use can make it as well, and no read waits for a writer because of it.
        with contextlib.suppress(Unavailable), self._database.write(organisation_id, SYSTEM, wait=False) as unit:
            unit.execute(self._note_use, {"key_id": key_id})


def _teams(rows: Sequence[Any]) -> tuple[UUID, ...]:
    """The user's team and those it leads, once each."""
    found = {row.led for row in rows if row.led is not None}
    if rows[0].team_id is not None:
        found.add(rows[0].team_id)
    return tuple(sorted(found))
