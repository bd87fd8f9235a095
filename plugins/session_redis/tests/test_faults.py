"""The protections of concurrent requests, each with its mutant: the same test fails when the protection is patched away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from bharat.contracts.sessions import NewSession, Session, SessionGone, token_hash
from bharat.testing.suite import together
from bharat_session_redis import RedisSessionOptions, scripts
from bharat_session_redis.sessions import RedisSessions

Build = Callable[[], RedisSessions]
NEW = NewSession(uuid4(), uuid4(), epoch=1, idle=timedelta(hours=1), absolute=timedelta(days=1))
WRITERS = 100
"""Requests at one time, more than the pool has connections."""


@pytest.fixture
def build(options: RedisSessionOptions) -> Iterator[Build]:
    """Builds the store with the scripts as they are now."""
    built: list[RedisSessions] = []

    def builder() -> RedisSessions:
        built.append(RedisSessions(options))
        return built[-1]

    yield builder
    for each in built:
        each.close()


def without(monkeypatch: pytest.MonkeyPatch, script: str, line: str, instead: str = "") -> None:
    text: str = getattr(scripts, script)
    assert line in text, f"the line that protects is no longer in {script}"
    monkeypatch.setattr(scripts, script, text.replace(line, instead))


# A deleted session stays deleted.

EXISTENCE = "if not live(KEYS[1], ARGV[1], ARGV[2]) then return 0 end"


def change_after_a_logout(sessions: RedisSessions) -> None:
    """A request loads its session; meanwhile another logs out; then the first writes."""
    token, _ = sessions.create(NEW)
    assert sessions.load(token) is not None
    sessions.delete(token)
    with pytest.raises(SessionGone):
        sessions.set(token, "a", 1)


def test_a_change_after_a_logout_leaves_nothing_in_the_store(build: Build, raw: Any) -> None:
    """Protected by `if not live(…) then return 0 end` in `scripts.SET`."""
    change_after_a_logout(build())
    assert raw.keys() == []


def test_without_the_question_it_would_bring_the_session_back(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: `scripts.SET` writes without asking."""
    without(monkeypatch, "SET", EXISTENCE)
    with pytest.raises(pytest.fail.Exception):
        change_after_a_logout(build())
    assert raw.keys() != []


def live_after_a_use_in_flight(sessions: RedisSessions) -> bool:
    """While a request loads its session, whose use is to be written down, another logs out."""
    new = NewSession(uuid4(), uuid4(), epoch=1, idle=timedelta(seconds=5), absolute=timedelta(days=1))
    token, _ = sessions.create(new)
    time.sleep(0.6)  # more than a tenth of `idle`

    def act(number: int) -> None:
        if number:
            sessions.delete(token)
        else:
            sessions.load(token)

    together(2, act)
    return sessions.load(token) is not None


def test_a_use_that_meets_a_logout_does_not_bring_the_session_back(build: Build) -> None:
    """Protected by `LOAD` being one script: nothing comes between its question and its note of the use."""
    sessions = build()
    assert not any(live_after_a_use_in_flight(sessions) for _ in range(5))


def test_a_use_in_two_steps_would(build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: the session is read, and written back with its use."""
    read, deleted = threading.Event(), threading.Event()
    load, delete = RedisSessions.load, RedisSessions.delete

    def load_in_two_steps(self: RedisSessions, token: str) -> Session | None:
        if read.is_set():
            return load(self, token)
        key = f"bharat:session:{token_hash(token)}"
        found, user = raw.hgetall(key), raw.hget(key, "user").decode()
        read.set()
        deleted.wait(10)
        raw.hset(key, mapping=found)
        raw.zadd(f"bharat:sessions:{user}", {token_hash(token): 2e18})
        return None

    def delete_between(self: RedisSessions, token: str) -> None:
        read.wait(10)
        delete(self, token)
        deleted.set()

    monkeypatch.setattr(RedisSessions, "load", load_in_two_steps)
    monkeypatch.setattr(RedisSessions, "delete", delete_between)
    assert live_after_a_use_in_flight(build())


# No concurrent change is lost.


def concurrent_changes(sessions: RedisSessions) -> set[str]:
    """The fields that are there after as many writers each set one of their own."""
    token, _ = sessions.create(NEW)
    together(WRITERS, lambda number: sessions.set(token, f"field-{number}", number))
    session = sessions.load(token)
    assert session is not None
    return set(session.data)


ALL = {f"field-{number}" for number in range(WRITERS)}


def test_concurrent_changes_are_all_kept(build: Build) -> None:
    """Protected by `redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])` in `scripts.SET`: only the changed field is written."""
    assert concurrent_changes(build()) == ALL


def test_writing_back_the_whole_session_would_lose_some(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: a change writes all fields as they were when it read them, the way stores do that
    keep a session as one value."""
    all_have_read = threading.Barrier(WRITERS, timeout=60)

    def set_all(self: RedisSessions, token: str, field: str, value: int) -> None:
        session = self.load(token)
        assert session is not None
        data = {**session.data, field: value}
        all_have_read.wait()
        key = f"bharat:session:{token_hash(token)}"
        with raw.pipeline() as pipeline:
            pipeline.hdel(key, *(f"data:{name}" for name in ALL))
            pipeline.hset(key, mapping={f"data:{name}": str(each) for name, each in data.items()})
            pipeline.execute()

    monkeypatch.setattr(RedisSessions, "set", set_all)
    assert concurrent_changes(build()) != ALL


# Who logs out everywhere is logged out everywhere.


def live_after_logging_out_everywhere(sessions: RedisSessions, raw: Any) -> bool:
    """Redis throws the user's index away to make room; then the user logs out everywhere."""
    token, _ = sessions.create(NEW)
    for index in raw.keys("bharat:sessions:*"):
        raw.delete(index)
    sessions.revoke_all(NEW.organisation_id, NEW.user_id)
    return sessions.load(token) is not None


def test_no_session_escapes_though_the_index_was_lost(build: Build, raw: Any) -> None:
    """Protected by `redis.call('ZSCORE', index, hash)` in `scripts.PRELUDE`: only what the index names is live."""
    assert not live_after_logging_out_everywhere(build(), raw)


def test_without_asking_the_index_one_would(build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: a session counts whether its index names it or not."""
    without(monkeypatch, "PRELUDE", "and redis.call('ZSCORE', index, hash)")
    assert live_after_logging_out_everywhere(build(), raw)


# A rotation and "log out everywhere" come one after the other.


def live_after_a_rotation_in_flight(sessions: RedisSessions, monkeypatch: pytest.MonkeyPatch) -> bool:
    """While a request rotates its session, the user logs out everywhere."""
    token, _ = sessions.create(NEW)
    fresh: list[str] = []

    def rotate(number: int) -> None:
        if number:
            sessions.revoke_all(NEW.organisation_id, NEW.user_id)
            return
        try:
            fresh.append(sessions.rotate(token))
        except SessionGone:
            return

    together(2, rotate)
    return any(sessions.load(each) is not None for each in [token, *fresh])


def test_no_rotation_escapes_the_logout_everywhere(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected by `ROTATE` being one script, and by its `local session = live(…)`."""
    sessions = build()
    assert not any(live_after_a_rotation_in_flight(sessions, monkeypatch) for _ in range(50))


def test_a_rotation_in_two_steps_would(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: the session is read, and created anew under another token."""
    sessions = build()
    read, revoked = threading.Event(), threading.Event()

    def rotate(self: RedisSessions, token: str) -> str:
        session = self.load(token)
        assert session is not None
        read.set()
        revoked.wait(10)
        self.delete(token)
        return self.create(NEW)[0]

    revoke_all = RedisSessions.revoke_all

    def revoke(self: RedisSessions, *arguments: Any, **more: Any) -> int:
        read.wait(10)
        count = revoke_all(self, *arguments, **more)
        revoked.set()
        return count

    monkeypatch.setattr(RedisSessions, "rotate", rotate)
    monkeypatch.setattr(RedisSessions, "revoke_all", revoke)
    assert live_after_a_rotation_in_flight(sessions, monkeypatch)
