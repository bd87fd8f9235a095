"""A right sessions backend in memory: what the wrong ones derive from."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bharat.contracts.platform import Clock
from bharat.contracts.sessions import NewSession, Session, SessionGone, SessionsUnavailable, new_token, token_hash


@dataclass(slots=True)
class Row:
    """A session as it is kept, under the hash of its token."""

    session: Session
    idle: timedelta
    ends: datetime


class MemorySessions:
    def __init__(self, clock: Clock) -> None:
        self.rows: dict[str, Row] = {}
        self.answers = True
        self.clock = clock
        self.lock = threading.RLock()

    def create(self, new: NewSession) -> tuple[str, Session]:
        self._ask()
        token, now = new_token(), self.clock.now()
        ends = now + new.absolute
        session = Session(
            handle=token_hash(token)[:32],
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
        with self.lock:
            self.rows[token_hash(token)] = Row(session, new.idle, ends)
        return token, session

    def load(self, token: str) -> Session | None:
        self._ask()
        with self.lock:
            row = self.find(token)
            if row is None:
                return None
            now = self.clock.now()
            row.session = replace(row.session, seen_at=now, expires_at=min(now + row.idle, row.ends))
            return row.session

    def set(self, token: str, field: str, value: Any) -> None:
        self._ask()
        with self.lock:
            row = self.must_find(token)
            row.session = replace(row.session, data={**row.session.data, field: value})

    def unset(self, token: str, field: str) -> None:
        self._ask()
        with self.lock:
            row = self.must_find(token)
            row.session = replace(row.session, data={k: v for k, v in row.session.data.items() if k != field})

    def rotate(self, token: str, *, epoch: int | None = None) -> str:
        self._ask()
        with self.lock:
            row = self.must_find(token)
            fresh = new_token()
            del self.rows[token_hash(token)]
            moved = replace(row.session, handle=token_hash(fresh)[:32])
            self.rows[token_hash(fresh)] = replace(row, session=moved if epoch is None else replace(moved, epoch=epoch))
            return fresh

    def delete(self, token: str) -> None:
        self._ask()
        with self.lock:
            self.rows.pop(token_hash(token), None)

    def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
        self._ask()
        with self.lock:
            return sorted(
                (row.session for row in self.of(organisation_id, user_id).values()),
                key=lambda session: session.created_at,
                reverse=True,
            )

    def revoke(self, organisation_id: UUID, user_id: UUID, handle: str) -> bool:
        self._ask()
        with self.lock:
            for key, row in self.of(organisation_id, user_id).items():
                if row.session.handle == handle:
                    del self.rows[key]
                    return True
            return False

    def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
        self._ask()
        with self.lock:
            ended = [k for k, row in self.of(organisation_id, user_id).items() if row.session.handle != keep]
            for key in ended:
                del self.rows[key]
            return len(ended)

    def sweep(self) -> int:
        self._ask()
        with self.lock:
            expired = [key for key, row in self.rows.items() if not self.is_live(row)]
            for key in expired:
                del self.rows[key]
            return len(expired)

    def close(self) -> None:
        return None

    def dump(self) -> bytes:
        with self.lock:
            return json.dumps([[key, asdict(row)] for key, row in self.rows.items()], default=str).encode()

    def is_live(self, row: Row) -> bool:
        return row.session.expires_at > self.clock.now()

    def find(self, token: str) -> Row | None:
        row = self.rows.get(token_hash(token))
        return row if row is not None and self.is_live(row) else None

    def must_find(self, token: str) -> Row:
        row = self.find(token)
        if row is None:
            raise SessionGone("this session is no more")
        return row

    def of(self, organisation_id: UUID, user_id: UUID) -> dict[str, Row]:
        return {
            key: row
            for key, row in self.rows.items()
            if self.is_live(row) and (row.session.organisation_id, row.session.user_id) == (organisation_id, user_id)
        }

    def _ask(self) -> None:
        if not self.answers:
            raise SessionsUnavailable("the session store does not answer")
