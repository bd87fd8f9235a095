"""What is particular to Redis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis

from bharat.contracts.sessions import NewSession, SessionGone, Sessions, SessionsUnavailable, token_hash
from bharat.testing.suite import eventually
from bharat_local_servers import Valkey
from bharat_session_redis import RedisSessionOptions
from bharat_session_redis.sessions import RedisSessions


def login(**more: Any) -> NewSession:
    durations = {"idle": timedelta(hours=1), "absolute": timedelta(days=1)}
    return NewSession(uuid4(), uuid4(), epoch=1, **{**durations, **more})


def where_tokens_lie(sessions: Sessions, raw: Any, held: Callable[[], bytes], valkey: Valkey) -> dict[str, bool]:
    """Whether the keys and values, their log on disk and the commands that Redis got hold any token, after each kind of use."""
    raw.config_set("slowlog-max-len", 10_000)
    raw.config_set("slowlog-log-slower-than", 0)
    raw.slowlog_reset()
    new = login()
    first, _ = sessions.create(new)
    sessions.load(first)
    sessions.set(first, "a", 1)
    second = sessions.rotate(first)
    third, session = sessions.create(new)
    sessions.unset(third, "a")
    sessions.revoke(new.organisation_id, new.user_id, session.handle)
    fourth, _ = sessions.create(new)
    sessions.delete(fourth)
    places = {
        "store": held(),
        "commands": b"\n".join(entry["command"] for entry in raw.slowlog_get(10_000)),
        "disk": b"\n".join(path.read_bytes() for path in (valkey.folder / "data").rglob("*") if path.is_file()),
    }
    for place in places.values():
        assert str(new.user_id).encode() in place, "this is not the right place to look"
    return {
        name: any(token.encode() in place for token in (first, second, third, fourth)) for name, place in places.items()
    }


def test_no_token_lies_in_the_store_its_log_on_disk_or_the_commands_it_got(
    redis_sessions: Sessions, raw: Any, held: Callable[[], bytes], valkey: Valkey
) -> None:
    """Protected by `token_hash` in every method of `RedisSessions`."""
    found = where_tokens_lie(redis_sessions, raw, held, valkey)
    assert found == {"store": False, "commands": False, "disk": False}


def test_mutant_that_hashes_nothing_leaves_tokens_everywhere(
    redis_sessions: Sessions, raw: Any, held: Callable[[], bytes], valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat_session_redis.sessions.token_hash", lambda token: token)
    found = where_tokens_lie(redis_sessions, raw, held, valkey)
    assert found == {"store": True, "commands": True, "disk": True}


def test_redis_that_stopped_logs_nobody_out_and_serves_again_when_it_is_back(
    redis_sessions: Sessions, valkey: Valkey
) -> None:
    token, session = redis_sessions.create(login(data={"a": 1}))
    valkey.stop()
    with pytest.raises(SessionsUnavailable, match="Redis, does not answer") as down:
        redis_sessions.load(token)
    assert "127.0.0.1" not in str(down.value)
    with pytest.raises(SessionsUnavailable):
        redis_sessions.set(token, "a", 2)
    valkey.start()
    found = redis_sessions.load(token)
    assert found is not None
    assert (found.handle, dict(found.data)) == (session.handle, {"a": 1})
    redis_sessions.set(token, "a", 2)


def test_redis_that_lost_its_data_logs_users_out(redis_sessions: Sessions, raw: Any) -> None:
    token, _ = redis_sessions.create(login())
    raw.flushall()
    assert redis_sessions.load(token) is None
    with pytest.raises(SessionGone):
        redis_sessions.set(token, "a", 1)
    assert raw.keys() == []


def test_scripts_that_redis_forgot_are_sent_again(redis_sessions: Sessions, raw: Any) -> None:
    token, _ = redis_sessions.create(login())
    raw.script_flush()
    assert redis_sessions.load(token) is not None


@pytest.mark.parametrize("act", ["load", "set", "unset", "rotate", "delete"])
def test_each_call_is_one_round_trip(redis_sessions: Sessions, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    arguments = {"set": ("a", 1), "unset": ("a",)}.get(act, ())
    first, _ = redis_sessions.create(login())
    getattr(redis_sessions, act)(first, *arguments)  # this one may have to send the script's text
    token, _ = redis_sessions.create(login())
    sent: list[object] = []
    send = redis.Connection.send_packed_command

    def count(self: redis.Connection, command: Any, check_health: bool = True) -> None:
        sent.append(command)
        send(self, command, check_health)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(redis.Connection, "send_packed_command", count)
    getattr(redis_sessions, act)(token, *arguments)
    assert len(sent) == 1


def test_nothing_stays_for_ever(redis_sessions: Sessions, raw: Any) -> None:
    new = login(idle=timedelta(hours=2), absolute=timedelta(hours=3))
    token, _ = redis_sessions.create(new)
    redis_sessions.set(redis_sessions.rotate(token), "a", 1)
    redis_sessions.create(login(idle=timedelta(hours=9), absolute=timedelta(hours=2)))
    keys = raw.keys()
    assert len(keys) == 4
    assert all(1.9 * 3600 < raw.ttl(key) <= 2 * 3600 for key in keys)


def test_a_users_index_lasts_as_long_as_the_longest_session(redis_sessions: Sessions, raw: Any) -> None:
    new = login(idle=timedelta(hours=2))
    redis_sessions.create(new)
    short = NewSession(new.organisation_id, new.user_id, 1, timedelta(minutes=1), timedelta(hours=1))
    redis_sessions.create(short)
    (index,) = raw.keys("bharat:sessions:*")
    assert raw.ttl(index) > 1.9 * 3600


def test_the_stored_expiry_decides_even_if_redis_keeps_the_key(redis_sessions: Sessions, raw: Any) -> None:
    new = login(idle=timedelta(seconds=1))
    token, _ = redis_sessions.create(new)
    for key in raw.scan_iter():
        assert raw.persist(key)
    eventually(
        lambda: not redis_sessions.list(new.organisation_id, new.user_id), within=timedelta(seconds=10), what="expiry"
    )
    with pytest.raises(SessionGone):
        redis_sessions.set(token, "a", 1)
    assert redis_sessions.load(token) is None
    assert raw.keys("bharat:session:*") == []


def test_use_is_written_down_at_most_once_a_minute(redis_sessions: Sessions, raw: Any) -> None:
    token, begun = redis_sessions.create(login())
    again = redis_sessions.load(token)
    assert again is not None
    assert again.seen_at == begun.seen_at
    # As if the last use were 61 s ago: a tenth of the idle time is longer.
    key = f"bharat:session:{token_hash(token)}"
    raw.hincrby(key, "seen", -61_000_000)
    later = redis_sessions.load(token)
    assert later is not None
    assert later.seen_at >= begun.seen_at


def test_two_installations_share_a_redis_by_their_prefixes(
    redis_sessions: Sessions, options: RedisSessionOptions
) -> None:
    other = RedisSessions(RedisSessionOptions(url=options.url, prefix="other:"))
    token, _ = redis_sessions.create(login())
    assert other.load(token) is None
    other.close()
    assert redis_sessions.load(token) is not None
