"""A full Redis: what is there stays, and what can't be written says so; each with its mutant. And how much one holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bharat.contracts.sessions import Session, Sessions, SessionsUnavailable, token_hash
from bharat_session_redis import RedisSessionOptions, scripts
from bharat_session_redis.sessions import RedisSessions
from plugins.session_redis.tests.filling import MOST, filled, login


@pytest.fixture
def build(options: RedisSessionOptions) -> Iterator[Callable[[], RedisSessions]]:
    """Builds the store with the scripts as they are now."""
    built: list[RedisSessions] = []

    def builder() -> RedisSessions:
        built.append(RedisSessions(options))
        return built[-1]

    yield builder
    for each in built:
        each.close()


def lost_when_full(sessions: Sessions, raw: Any, policy: str) -> int:
    tokens = filled(sessions, raw, policy)
    assert len(tokens) > 300
    return sum(sessions.load(token) is None for token in tokens)


def test_a_full_redis_loses_no_session(redis_sessions: Sessions, raw: Any) -> None:
    """Protected by the policy `noeviction`, which the health check asks for."""
    assert lost_when_full(redis_sessions, raw, "noeviction") == 0
    with pytest.raises(SessionsUnavailable):
        [redis_sessions.create(login()) for _ in range(MOST)]


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_mutant_that_evicts_loses_sessions(redis_sessions: Sessions, raw: Any, policy: str) -> None:
    assert lost_when_full(redis_sessions, raw, policy) > 0


def loaded_after_a_while(sessions: Sessions, raw: Any) -> Session | None:
    """A session that was last used a while ago, so that this use is to be written down, in a Redis that is full."""
    token, _ = sessions.create(login())
    raw.hincrby(f"bharat:session:{token_hash(token)}", "seen", -3600_000_000)
    raw.config_set("maxmemory", 1)
    return sessions.load(token)


def test_a_full_redis_takes_no_note_of_a_use_and_logs_nobody_out(build: Callable[[], RedisSessions], raw: Any) -> None:
    """Protected by `redis.pcall` in `scripts.LOAD`."""
    found = loaded_after_a_while(build(), raw)
    assert found is not None
    raw.config_set("maxmemory", 0)


def test_mutant_that_insists_on_its_note_answers_nobody(
    build: Callable[[], RedisSessions], raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "redis.pcall" in scripts.LOAD
    monkeypatch.setattr(scripts, "LOAD", scripts.LOAD.replace("redis.pcall", "redis.call"))
    with pytest.raises(SessionsUnavailable):
        loaded_after_a_while(build(), raw)


def test_a_replica_that_takes_no_note_is_unavailable(redis_sessions: Sessions, raw: Any) -> None:
    """Only fullness is forgiven: who is no longer the primary knows of no logout either."""
    token, _ = redis_sessions.create(login())
    raw.hincrby(f"bharat:session:{token_hash(token)}", "seen", -3600_000_000)
    raw.config_set("replica-serve-stale-data", "yes")
    raw.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(SessionsUnavailable):
            redis_sessions.load(token)
    finally:
        raw.replicaof("NO", "ONE")


def test_in_a_full_redis_one_can_still_log_out_and_be_logged_out(redis_sessions: Sessions, raw: Any) -> None:
    new = login()
    first, _ = redis_sessions.create(new)
    second, session = redis_sessions.create(new)
    third, _ = redis_sessions.create(new)
    raw.config_set("maxmemory", 1)
    with pytest.raises(SessionsUnavailable):
        redis_sessions.set(first, "a", 1)
    first = redis_sessions.rotate(first)
    redis_sessions.delete(first)
    assert redis_sessions.revoke(new.organisation_id, new.user_id, session.handle)
    assert redis_sessions.revoke_all(new.organisation_id, new.user_id) == 1
    assert [redis_sessions.load(token) for token in (first, second, third)] == [None, None, None]


def test_a_session_takes_what_the_guide_says(redis_sessions: Sessions, raw: Any) -> None:
    """docs/05-ENVIRONMENT-GUIDE.md: 1.2 kB for a user with one login, its index and their places among the keys included."""
    redis_sessions.create(login())
    before = raw.info("memory")["used_memory"]
    for _ in range(1000):
        redis_sessions.create(login())
    assert 600 < (raw.info("memory")["used_memory"] - before) / 1000 < 1300
