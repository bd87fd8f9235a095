"""Wrong sessions backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest

from bharat.contracts.sessions import NewSession, Session, SessionsUnavailable, token_hash
from bharat.testing.platform import ShiftableClock
from bharat.testing.sessions import Dump, SessionsSuite
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.right_sessions import MemorySessions, Row


class TestRight(OnShiftedClock, SessionsSuite):
    backend: ClassVar[type[MemorySessions]] = MemorySessions

    @pytest.fixture
    def sessions(self, clock: ShiftableClock) -> MemorySessions:
        return self.backend(clock)

    @pytest.fixture
    def dump(self, sessions: MemorySessions) -> Dump:
        return sessions.dump

    @pytest.fixture
    def cut_off(self, sessions: MemorySessions) -> CutOff:
        def fall_silent() -> None:
            sessions.answers = False

        return fall_silent


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestKeepsTheToken(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def create(self, new: NewSession) -> tuple[str, Session]:
            token, session = super().create(new)
            row = self.rows[token_hash(token)]
            row.session = replace(row.session, handle=token)
            return token, session


class TestForgetsTheIdleExpiry(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def is_live(self, row: Row) -> bool:
            return row.ends > self.clock.now()


class TestUseOutlivesTheAbsoluteExpiry(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def load(self, token: str) -> Session | None:
            session = super().load(token)
            row = self.find(token)
            if row is not None:
                row.ends = self.clock.now() + timedelta(days=1)
            return session


class TestLosesAConcurrentChange(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def set(self, token: str, field: str, value: Any) -> None:
            self._ask()
            data = dict(self.must_find(token).session.data)
            time.sleep(0.001)
            with self.lock:
                row = self.must_find(token)
                row.session = replace(row.session, data={**data, field: value})


class TestResurrectsADeletedSession(Wrong):
    """Reads the whole session, changes it and writes it back, as a store of blobs does."""

    class backend(MemorySessions):  # noqa: N801
        def set(self, token: str, field: str, value: Any) -> None:
            self._ask()
            row = self.must_find(token)
            changed = replace(row, session=replace(row.session, data={**row.session.data, field: value}))
            time.sleep(0.001)
            self.rows[token_hash(token)] = changed


class TestAnOldTokenOutlivesItsRotation(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def rotate(self, token: str, *, epoch: int | None = None) -> str:
            with self.lock:
                old = self.find(token)
                fresh = super().rotate(token, epoch=epoch)
                assert old is not None
                self.rows[token_hash(token)] = old
                return fresh


class TestARotationStaysInItsEpoch(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def rotate(self, token: str, *, epoch: int | None = None) -> str:
            return super().rotate(token)


class TestARotationEscapesTheRevocation(Wrong):
    """Revokes the sessions it has listed, one by one, while they may move to other tokens."""

    class backend(MemorySessions):  # noqa: N801
        def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
            self._ask()
            listed = [key for key, row in self.of(organisation_id, user_id).items() if row.session.handle != keep]
            time.sleep(0.001)
            return sum(self.rows.pop(key, None) is not None for key in listed)


class TestRevokesAnothersSession(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def of(self, organisation_id: UUID, user_id: UUID) -> dict[str, Row]:
            return {key: row for key, row in self.rows.items() if self.is_live(row) and row.session.user_id == user_id}


class TestALostStoreLogsOut(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def load(self, token: str) -> Session | None:
            with suppress(SessionsUnavailable):
                return super().load(token)
            return None


class TestListsTheOldestFirst(Wrong):
    class backend(MemorySessions):  # noqa: N801
        def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
            return super().list(organisation_id, user_id)[::-1]
