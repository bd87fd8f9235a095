"""The sessions provider `database`: persistent, and shared by all nodes that share the database.

A load is one read; the idle expiry is written at most once a minute or once in a tenth of the idle time. Changes touch
only a row that is still live, so that nothing brings a deleted session back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.contracts.sessions import (
    NewSession,
    Session,
    SessionGone,
    SessionsUnavailable,
    handle_of,
    new_token,
    token_hash,
)
from bharat.data.sweeping import sweep
from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

sessions = platform_table(
    "sessions",
    core_metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("organisation_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("idle_seconds", sa.Double, nullable=False),
    sa.Column("idle_until", Instant, nullable=False),
    sa.Column("absolute_until", Instant, nullable=False),
    sa.Column("address", sa.String(100)),
    sa.Column("user_agent", sa.String(500)),
    # Text that is JSON, on PostgreSQL too: `jsonb` has no place for U+0000 and lone surrogates.
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("ix_sessions_user", "organisation_id", "user_id"),
    sa.Index("ix_sessions_idle_until", "idle_until"),
    reason="A request brings a token before anybody knows the organisation.",
)

_SEEN_EVERY = timedelta(minutes=1)
_HANDLE_LENGTH = len(handle_of(""))


class DatabaseSessions:
    """See `bharat.contracts.sessions.Sessions`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        now = database.now()
        self._live = sa.and_(sessions.c.idle_until > now, sessions.c.absolute_until > now)
        mine = sessions.c.token_hash == sa.bindparam("token", type_=sa.String)
        self._mine = sa.and_(mine, self._live)
        found = sa.select(sessions, now.label("now"))
        self._load = database.prepare(found.where(self._mine))
        self._list = database.prepare(
            found.where(
                sessions.c.organisation_id == sa.bindparam("organisation", type_=sa.Uuid),
                sessions.c.user_id == sa.bindparam("user", type_=sa.Uuid),
                self._live,
            ).order_by(sessions.c.created_at.desc(), sessions.c.token_hash)
        )

    def create(self, new: NewSession) -> tuple[str, Session]:
        token = new_token()
        statement = (
            sessions.insert()
            .values(
                token_hash=token_hash(token),
                organisation_id=new.organisation_id,
                user_id=new.user_id,
                epoch=new.epoch,
                created_at=self._database.now(),
                seen_at=self._database.now(),
                idle_seconds=new.idle.total_seconds(),
                idle_until=self._database.after(new.idle),
                absolute_until=self._database.after(new.absolute),
                address=_cut(new.address, 100),
                user_agent=_cut(new.user_agent, 500),
                data=dict(new.data),
            )
            .returning(sessions)
        )
        with self._writing() as unit:
            return token, _session(unit.execute(statement).one())

    def load(self, token: str) -> Session | None:
        with _translated():
            row = self._database.read(None).row(self._load, {"token": token_hash(token)})
        if row is None:
            return None
        idle = timedelta(seconds=row.idle_seconds)
        if row.now - row.seen_at < min(_SEEN_EVERY, idle / 10):
            return _session(row)
        statement = (
            sessions.update()
            .where(self._mine)
            .values(seen_at=self._database.now(), idle_until=self._database.after(idle))
            .returning(sessions)
        )
        # The session is live; that its expiry could not be moved just now is made up for by the next load. No read waits for a
        # writer because of it.
        with contextlib.suppress(SessionsUnavailable), self._writing(wait=False) as unit:
            touched = unit.row(statement, {"token": row.token_hash})
            return _session(touched) if touched is not None else None
        return _session(row)

    def set(self, token: str, field: str, value: Any) -> None:
        self._change(token, lambda data: {**data, field: value})

    def unset(self, token: str, field: str) -> None:
        self._change(token, lambda data: {name: kept for name, kept in data.items() if name != field})

    def rotate(self, token: str, *, epoch: int | None = None) -> str:
        fresh = new_token()
        statement = sessions.update().where(self._mine).values(token_hash=token_hash(fresh))
        if epoch is not None:
            statement = statement.values(epoch=epoch)
        with self._writing() as unit:
            if unit.execute(statement, {"token": token_hash(token)}).rowcount != 1:
                raise _gone()
        return fresh

    def delete(self, token: str) -> None:
        with self._writing() as unit:
            unit.execute(sessions.delete().where(sessions.c.token_hash == token_hash(token)))

    def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
        with _translated():
            rows = self._database.read(None).rows(self._list, {"organisation": organisation_id, "user": user_id})
        return [_session(row) for row in rows]

    def revoke(self, organisation_id: UUID, user_id: UUID, handle: str) -> bool:
        statement = sessions.delete().where(_of(organisation_id, user_id), _handle() == handle)
        # An expired session is none, though its row may still lie here.
        with self._writing() as unit:
            return unit.execute(statement.where(self._live)).rowcount == 1

    def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
        statement = sessions.delete().where(_of(organisation_id, user_id), self._live)
        if keep is not None:
            statement = statement.where(_handle() != keep)
        with self._writing() as unit:
            return unit.execute(statement).rowcount

    def sweep(self) -> int:
        with _translated():
            return sweep(self._database, None, sessions, sa.not_(self._live))

    def close(self) -> None:
        """The database is the application's."""

    def _change(self, token: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Change the data under the row's lock: a concurrent change of another field waits and is kept."""
        hashed = {"token": token_hash(token)}
        with self._writing() as unit:
            row = unit.row(sa.select(sessions.c.data).where(self._mine).with_for_update(), hashed)
            if row is None:
                raise _gone()
            unit.execute(sessions.update().where(self._mine).values(data=dict(change(row.data))), hashed)

    @contextmanager
    def _writing(self, *, wait: bool = True) -> Iterator[Unit]:
        with _translated(), self._database.write(None, SYSTEM, wait=wait) as unit:
            yield unit


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise SessionsUnavailable("The session store, the database, does not answer.") from error


def _of(organisation_id: UUID, user_id: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(sessions.c.organisation_id == organisation_id, sessions.c.user_id == user_id)


def _handle() -> sa.ColumnElement[str]:
    # A handle is the beginning of the hash (`handle_of`).
    return sa.func.substr(sessions.c.token_hash, 1, _HANDLE_LENGTH, type_=sa.String)


def _gone() -> SessionGone:
    return SessionGone("The session has ended; nothing was changed.")


def _cut(text: str | None, length: int) -> str | None:
    # PostgreSQL stores no NUL; headers can't hold one, other callers might.
    return None if text is None else text.replace("\0", "")[:length]


def _session(row: Any) -> Session:
    expires: datetime = min(row.idle_until, row.absolute_until)
    return Session(
        handle=row.token_hash[:_HANDLE_LENGTH],
        organisation_id=row.organisation_id,
        user_id=row.user_id,
        epoch=row.epoch,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=expires,
        address=row.address,
        user_agent=row.user_agent,
        data=row.data,
    )
