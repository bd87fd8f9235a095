"""What is to be said of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bharat_local_servers import Valkey
from bharat_redis import Keeps, RedisOptions, Remark, examination, examine, open_redis
from bharat_redis.clients import RedisClients

ACL = ("probe on >hush ~bharat:* +client|setname +info +get", "blind on >hush ~* +client|setname +get")


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with Valkey(acl=ACL) as running:
        yield running


@pytest.fixture
def redis(server: Valkey) -> Iterator[RedisClients]:
    server.start()
    opened = open_redis(RedisOptions(url=server.url, connect_timeout=0.5, read_timeout=0.5))
    yield opened
    server.start()
    for name, value in (("maxmemory", 0), ("maxmemory-policy", "noeviction")):
        opened.commands.config_set(name, value)
    opened.close()


def found(
    redis: RedisClients, keeps: Keeps = Keeps.STATE, command: tuple[str, ...] = ("GET", "bharat:x")
) -> dict[str, Remark]:
    commands: Any = redis.commands  # the driver types this method by no means
    remarks = examine(redis, keeps, "sessions", "sessions.redis.url", lambda: commands.execute_command(*command))
    return {remark.about: remark for remark in remarks}


def test_a_server_as_it_should_be(redis: RedisClients) -> None:
    remarks = found(redis)
    assert list(remarks) == ["version", "topology", "eviction", "memory", "persistence", "commands"]
    assert {remark.severity for remark in remarks.values()} == {"ok"}
    assert remarks["version"].detail.startswith("Valkey ")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"])
def test_state_where_it_may_be_evicted_is_refused(redis: RedisClients, policy: str) -> None:
    redis.commands.config_set("maxmemory-policy", policy)
    remark = found(redis)["eviction"]
    assert (remark.severity, "noeviction" in remark.remedy) == ("failed", True)
    assert remark.detail == f"sessions are thrown away when the memory is full (maxmemory-policy {policy})"
    assert found(redis, Keeps.LEASES)["eviction"].severity == "ok"
    assert found(redis, Keeps.CACHE)["eviction"].severity == "ok"


def test_a_cache_where_nothing_is_evicted_should_be_elsewhere(redis: RedisClients) -> None:
    remark = found(redis, Keeps.CACHE)["eviction"]
    assert (remark.severity, "REDIS_CACHE_URL" in remark.remedy) == ("degraded", True)


def test_a_cache_without_a_limit_never_evicts(redis: RedisClients) -> None:
    redis.commands.config_set("maxmemory-policy", "allkeys-lru")
    assert found(redis, Keeps.CACHE)["memory"].severity == "degraded"
    redis.commands.config_set("maxmemory", "1gb")
    assert found(redis, Keeps.CACHE)["memory"].severity == "ok"


@pytest.mark.parametrize(("part", "expected"), [(0.5, "ok"), (0.85, "degraded"), (0.99, "failed")])
def test_how_full_it_is_is_told(redis: RedisClients, part: float, expected: str) -> None:
    used = redis.commands.info("memory")["used_memory"]
    redis.commands.config_set("maxmemory", int(used / part))
    remark = found(redis, command=("PING",))["memory"]
    assert remark.severity == expected
    assert " MB of " in remark.detail


@pytest.mark.parametrize("user", ["probe", "blind"])
def test_a_command_that_the_user_may_not_run_is_named(server: Valkey, redis: RedisClients, user: str) -> None:
    limited = open_redis(RedisOptions(url=f"redis://{user}:hush@127.0.0.1:{server.port}/0"))
    remarks = found(limited, command=("SET", "bharat:x", "1"))
    limited.close()
    remark = remarks["commands"]
    assert remark.severity == "failed"
    assert f"'{'set' if user == 'probe' else 'info'}' command" in remark.detail
    assert "hush" not in remark.detail


def test_a_command_that_a_script_may_not_run_is_named(server: Valkey, redis: RedisClients) -> None:
    commands: Any = redis.commands
    commands.execute_command("ACL", "SETUSER", "probe", "+eval")
    limited = open_redis(RedisOptions(url=f"redis://probe:hush@127.0.0.1:{server.port}/0"))
    remark = found(limited, command=("EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "bharat:x"))["commands"]
    limited.close()
    commands.execute_command("ACL", "SETUSER", "probe", "-eval")
    assert (remark.severity, "'set' command" in remark.detail) == ("failed", True)


def test_a_server_that_is_stopped_is_one_remark(server: Valkey, redis: RedisClients) -> None:
    server.stop()
    remarks = found(redis)
    assert [remark.severity for remark in remarks.values()] == ["failed"]
    assert "can't be reached" in remarks[""].detail
    assert remarks[""].remedy == "see that Redis runs and that sessions.redis.url is right"


def test_a_replica_is_told(redis: RedisClients, server: Valkey) -> None:
    redis.commands.replicaof("127.0.0.1", "1")
    try:
        remark = found(redis)["topology"]
    finally:
        redis.commands.replicaof("NO", "ONE")
    assert (remark.severity, "sessions.redis.url" in remark.remedy) == ("failed", True)


def test_how_it_survives_a_restart_is_told(redis: RedisClients) -> None:
    assert "a restart loses them" in found(redis)["persistence"].detail
    redis.commands.save()
    assert "snapshots" in found(redis)["persistence"].detail
    redis.commands.config_set("appendonly", "yes")
    try:
        assert "append-only" in found(redis)["persistence"].detail
    finally:
        redis.commands.config_set("appendonly", "no")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({"redis_version": "6.2.14"}, "failed"), ({"redis_version": "7.0.15"}, "ok"), ({"valkey_version": "8.0.1"}, "ok")],
)
def test_a_server_that_is_too_old_is_told(facts: dict[str, Any], expected: str) -> None:
    assert examination._version(facts).severity == expected


def test_its_clock_is_read(redis: RedisClients) -> None:
    assert abs((redis.now() - datetime.now(UTC)).total_seconds()) < 5
