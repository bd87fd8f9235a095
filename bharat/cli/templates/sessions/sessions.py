"""Login sessions in the memory of one process: they end with it, and no other process sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bharat.contracts.platform import Platform
from bharat.contracts.sessions import NewSession, Session, SessionGone, handle_of, new_token, token_hash

from bharat.cli.templates.sessions import NewPluginOptions


@dataclass(slots=True)
class Row:
    """A session as it is kept, under the hash of its token. `ends` is its absolute expiry."""

    session: Session
    idle: timedelta
    ends: datetime


class NewPluginSessions:
    """See `bharat.contracts.sessions.Sessions`. `_rows` is where your store is asked: what it raises when it does not answer becomes
    `SessionsUnavailable` there, once for all methods."""

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._touch = timedelta(seconds=options.touch)
        self._clock = platform.clock
        self._kept: dict[str, Row] = {}
        self._lock = threading.RLock()

    def create(self, new: NewSession) -> tuple[str, Session]:
        token, now = new_token(), self._clock.now()
        ends = now + new.absolute
        session = Session(
            handle=handle_of(token),
            organisation_id=new.organisation_id,
            user_id=new.user_id,
            epoch=new.epoch,
            created_at=now,
            seen_at=now,
            expires_at=min(now + new.idle, ends),
            address=new.address,
            user_agent=new.user_agent,
            data=dict(new.data),
        )
        with self._rows() as rows:
            rows[token_hash(token)] = Row(session, new.idle, ends)
        return token, session

    def load(self, token: str) -> Session | None:
        with self._rows() as rows:
            row = self._find(rows, token)
            if row is None:
                return None
            now = self._clock.now()
            if now - row.session.seen_at >= min(self._touch, row.idle / 10):
                row.session = replace(row.session, seen_at=now, expires_at=min(now + row.idle, row.ends))
            return row.session

    def set(self, token: str, field: str, value: Any) -> None:
        with self._changed(token) as row:
            row.session = replace(row.session, data={**row.session.data, field: value})

    def unset(self, token: str, field: str) -> None:
        with self._changed(token) as row:
            row.session = replace(row.session, data={k: v for k, v in row.session.data.items() if k != field})

    def rotate(self, token: str, *, epoch: int | None = None) -> str:
        fresh = new_token()
        with self._rows() as rows, self._changed(token) as row:
            del rows[token_hash(token)]
            moved = replace(row.session, handle=handle_of(fresh), epoch=row.session.epoch if epoch is None else epoch)
            rows[token_hash(fresh)] = replace(row, session=moved)
        return fresh

    def delete(self, token: str) -> None:
        with self._rows() as rows:
            rows.pop(token_hash(token), None)

    def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
        with self._rows() as rows:
            sessions = [row.session for row in self._of(rows, organisation_id, user_id).values()]
        return sorted(sessions, key=lambda session: session.created_at, reverse=True)

    def revoke(self, organisation_id: UUID, user_id: UUID, handle: str) -> bool:
        with self._rows() as rows:
            found = self._of(rows, organisation_id, user_id).items()
            return self._end(rows, [key for key, row in found if row.session.handle == handle]) > 0

    def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
        with self._rows() as rows:
            found = self._of(rows, organisation_id, user_id).items()
            return self._end(rows, [key for key, row in found if row.session.handle != keep])

    def sweep(self) -> int:
        with self._rows() as rows:
            return self._end(rows, [key for key, row in rows.items() if not self._lives(row)])

    def close(self) -> None:
        return None

    @contextmanager
    def _rows(self) -> Iterator[dict[str, Row]]:
        """What is kept, for one caller at a time."""
        with self._lock:
            yield self._kept

    @contextmanager
    def _changed(self, token: str) -> Iterator[Row]:
        """The live session, to be changed in one step with looking: a request in flight must not bring back a deleted one."""
        with self._rows() as rows:
            row = self._find(rows, token)
            if row is None:
                raise SessionGone("This session is no more.")
            yield row

    def _find(self, rows: Mapping[str, Row], token: str) -> Row | None:
        row = rows.get(token_hash(token))
        return row if row is not None and self._lives(row) else None

    def _of(self, rows: Mapping[str, Row], organisation_id: UUID, user_id: UUID) -> dict[str, Row]:
        return {
            key: row
            for key, row in rows.items()
            if self._lives(row) and (row.session.organisation_id, row.session.user_id) == (organisation_id, user_id)
        }

    def _lives(self, row: Row) -> bool:
        return row.session.expires_at > self._clock.now()

    @staticmethod
    def _end(rows: dict[str, Row], keys: Sequence[str]) -> int:
        for key in keys:
            del rows[key]
        return len(keys)
