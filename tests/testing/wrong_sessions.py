"""Wrong sessions backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest

from bharat.cli.templates.sessions.sessions import Row
from bharat.contracts.sessions import NewSession, Session, SessionsUnavailable, token_hash
from bharat.testing.platform import SmallPlatform
from bharat.testing.sessions import Dump, SessionsSuite
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.away import RemoteSessions


class TestRight(OnShiftedClock, SessionsSuite):
    backend: ClassVar[type[RemoteSessions]] = RemoteSessions

    @pytest.fixture
    def sessions(self, platform: SmallPlatform) -> RemoteSessions:
        return self.backend(platform)

    @pytest.fixture
    def dump(self, sessions: RemoteSessions) -> Dump:
        return lambda: json.dumps([[key, asdict(row)] for key, row in sessions._kept.items()], default=str).encode()

    @pytest.fixture
    def cut_off(self, sessions: RemoteSessions) -> CutOff:
        return lambda: setattr(sessions, "answers", False)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestKeepsTheToken(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def create(self, new: NewSession) -> tuple[str, Session]:
            token, session = super().create(new)
            row = self._kept[token_hash(token)]
            row.session = replace(row.session, handle=token)
            return token, session


class TestForgetsTheIdleExpiry(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def _lives(self, row: Row) -> bool:
            return row.ends > self._clock.now()


class TestUseOutlivesTheAbsoluteExpiry(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def load(self, token: str) -> Session | None:
            session = super().load(token)
            row = self._find(self._kept, token)
            if row is not None:
                row.ends = self._clock.now() + timedelta(days=1)
            return session


class TestLosesAConcurrentChange(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def set(self, token: str, field: str, value: Any) -> None:
            with self._changed(token) as row:
                data = dict(row.session.data)
            time.sleep(0.001)
            with self._changed(token) as row:
                row.session = replace(row.session, data={**data, field: value})


class TestResurrectsADeletedSession(Wrong):
    """Reads the whole session, changes it and writes it back, as a store of blobs does."""

    class backend(RemoteSessions):  # noqa: N801
        def set(self, token: str, field: str, value: Any) -> None:
            with self._changed(token) as row:
                changed = replace(row, session=replace(row.session, data={**row.session.data, field: value}))
            time.sleep(0.001)
            self._kept[token_hash(token)] = changed


class TestAnOldTokenOutlivesItsRotation(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def rotate(self, token: str, *, epoch: int | None = None) -> str:
            with self._rows() as rows:
                old = rows[token_hash(token)]
                fresh = super().rotate(token, epoch=epoch)
                rows[token_hash(token)] = old
                return fresh


class TestARotationStaysInItsEpoch(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def rotate(self, token: str, *, epoch: int | None = None) -> str:
            return super().rotate(token)


class TestARotationEscapesTheRevocation(Wrong):
    """Revokes the sessions it has listed, one by one, while they may move to other tokens."""

    class backend(RemoteSessions):  # noqa: N801
        def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
            with self._rows() as rows:
                found = self._of(rows, organisation_id, user_id).items()
                listed = [key for key, row in found if row.session.handle != keep]
            time.sleep(0.001)
            return sum(self._kept.pop(key, None) is not None for key in listed)


class TestRevokesAnothersSession(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def _of(self, rows: Mapping[str, Row], organisation_id: UUID, user_id: UUID) -> dict[str, Row]:
            return {key: row for key, row in rows.items() if self._lives(row) and row.session.user_id == user_id}


class TestALostStoreLogsOut(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def load(self, token: str) -> Session | None:
            with suppress(SessionsUnavailable):
                return super().load(token)
            return None


class TestListsTheOldestFirst(Wrong):
    class backend(RemoteSessions):  # noqa: N801
        def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
            return super().list(organisation_id, user_id)[::-1]
