from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bharat_local_servers import Valkey
from bharat_redis import RedisUnavailable, clients
from bharat_redis.clients import RedisClients

Open = Callable[..., RedisClients]


def test_keys_live_under_the_prefix(connect: Open) -> None:
    redis = connect(prefix="mine:")
    redis.commands.set(redis.key("a", "b"), b"\xff")
    assert redis.commands.keys() == [b"mine:a:b"]
    assert redis.commands.get("mine:a:b") == b"\xff"


def test_a_user_with_a_password_of_any_characters_gets_in(connect: Open, valkey: Valkey) -> None:
    redis = connect(f"redis://worker:{quote('s€cret/@:', safe='')}@127.0.0.1:{valkey.port}/0")
    assert redis.commands.set(redis.key("jobs", "1"), 1)


def test_the_number_of_the_database_is_honoured(connect: Open, valkey: Valkey) -> None:
    other = connect(valkey.url.removesuffix("/0") + "/3")
    other.commands.set("a", 1)
    assert connect().commands.get("a") is None


def test_a_script_runs_by_its_hash_and_again_after_the_server_forgot_it(connect: Open, valkey: Valkey) -> None:
    redis = connect()
    script = redis.script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert script(["n"], [2]) == 2
    assert script(["n"], [2]) == 4
    valkey.restart()
    assert script(["n"], [2]) == 6


def test_a_command_can_be_called_without_the_driver_s_ceremony(connect: Open) -> None:
    clients = connect()
    assert clients.call("SET", "a", b"\xff", "PX", 60_000) == b"OK"
    assert clients.call("GET", "a") == b"\xff"
    assert clients.call("GET", "b") is None
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        clients.call("LPUSH", "a", 1)
    assert clients.call("GET", "a") == b"\xff"


def answer_after_an_interrupted_call(connect: Open, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the next caller is answered, when a call was stopped between its command and the answer, as a signal or a deadline does."""
    clients = connect(pool_size=1)
    clients.call("SET", "a", "mine")
    clients.call("SET", "b", "another's")
    read_response = redis.Connection.read_response
    stopped: list[bool] = []

    def stop_once(self: redis.Connection, *arguments: Any, **more: Any) -> Any:
        if not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return read_response(self, *arguments, **more)

    # As when the answer is late: the pool, which looks for what was left over, finds nothing yet.
    monkeypatch.setattr(redis.Connection, "can_read", lambda *_: False)
    monkeypatch.setattr(redis.Connection, "read_response", stop_once)
    with pytest.raises(KeyboardInterrupt):
        clients.call("GET", "b")
    return clients.call("GET", "a")


def test_an_interrupted_call_leaves_its_answer_to_nobody(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected by `connection.disconnect()` in `RedisClients.call`."""
    assert answer_after_an_interrupted_call(connect, monkeypatch) == b"mine"


def test_without_closing_its_connection_the_next_caller_would_get_it(
    connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above."""
    disconnect = redis.Connection.disconnect
    monkeypatch.setattr(redis.Connection, "disconnect", lambda *_: None)
    try:
        assert answer_after_an_interrupted_call(connect, monkeypatch) == b"another's"
    finally:
        monkeypatch.setattr(redis.Connection, "disconnect", disconnect)


# What each fault of the server becomes.


def unavailable(redis: RedisClients, act: Callable[[], object] | None = None) -> str:
    with pytest.raises(RedisUnavailable) as error, redis.translated():
        (act or redis.commands.ping)()
    assert "s€cret" not in str(error.value)
    return str(error.value)


def test_a_server_that_is_down_is_unavailable_until_it_is_back(connect: Open, valkey: Valkey) -> None:
    redis = connect()
    redis.commands.set("a", 1)
    valkey.kill()
    assert unavailable(redis) == f"Redis at 127.0.0.1:{valkey.port} can't be reached"
    valkey.start()
    assert redis.commands.get("a") == b"1"


def test_a_wrong_password_is_unavailable(connect: Open, valkey: Valkey) -> None:
    assert "refuses the user or password" in unavailable(connect(f"redis://:wrong@127.0.0.1:{valkey.port}/0"))
    assert "refuses the user or password" in unavailable(connect(f"redis://127.0.0.1:{valkey.port}/0"))


def test_a_missing_permission_is_unavailable(connect: Open, valkey: Valkey) -> None:
    redis = connect(f"redis://worker:{quote('s€cret/@:', safe='')}@127.0.0.1:{valkey.port}/0")
    assert "does not permit" in unavailable(redis, lambda: redis.commands.set("sessions", 1))


def test_a_full_server_is_unavailable_for_writes_in_scripts_too(connect: Open) -> None:
    redis = connect()
    redis.commands.config_set("maxmemory", 1)
    assert "is full" in unavailable(redis, lambda: redis.commands.set("a", 1))
    assert "is full" in unavailable(redis, lambda: redis.script("return redis.call('SET', KEYS[1], 1)")(["a"]))


def test_a_replica_is_unavailable_for_writes(connect: Open) -> None:
    redis = connect()
    redis.commands.slaveof("127.0.0.1", 1)
    assert "is a replica" in unavailable(redis, lambda: redis.commands.set("a", 1))


def test_a_server_busy_with_a_script_is_unavailable(connect: Open) -> None:
    redis, other = connect(), connect(read_timeout=0.3)
    redis.commands.config_set("busy-reply-threshold", 10)
    with pytest.raises(RedisUnavailable), other.translated():
        other.script("while true do end")([])
    try:
        assert "refuses to serve (BUSY)" in unavailable(redis)
    finally:
        redis.commands.script_kill()


def test_a_name_that_leads_nowhere_is_unavailable(connect: Open) -> None:
    assert "can't be reached" in unavailable(connect("redis://nowhere.invalid:6379/0"))


def test_an_error_in_the_caller_s_command_stays_what_it_is(connect: Open) -> None:
    redis_ = connect()
    redis_.commands.set("a", 1)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"), redis_.translated():
        redis_.commands.lpush("a", 1)


# Deadlines.


def test_a_stalled_server_is_given_up_after_the_read_timeout(connect: Open, valkey: Valkey) -> None:
    redis = connect(read_timeout=0.3)
    redis.commands.ping()
    valkey.pause()
    began = time.monotonic()
    try:
        assert "does not answer in time" in unavailable(redis)
    finally:
        valkey.resume()
    assert time.monotonic() - began < 5
    assert redis.commands.ping()


def count_of_one_increment_that_times_out(connect: Open, valkey: Valkey) -> int:
    # Without a password or name there is nothing to say before the command, so it reaches the stalled server's buffer.
    connect().commands.config_set("requirepass", "")
    redis = connect(f"redis://127.0.0.1:{valkey.port}", client_name="", read_timeout=0.3)
    redis.commands.set("n", 0)
    valkey.pause()
    try:
        with pytest.raises(RedisUnavailable), redis.translated():
            redis.commands.incr("n")
    finally:
        valkey.resume()
    # What was sent before is carried out before this, whichever connections it came by.
    deadline = time.monotonic() + 2
    while (count := int(redis.commands.get("n") or 0)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return count


def test_a_command_that_timed_out_is_not_sent_again(connect: Open, valkey: Valkey) -> None:
    """Protected by `retry=Retry(NoBackoff(), 0)` in `bharat_redis.clients._client`."""
    assert count_of_one_increment_that_times_out(connect, valkey) == 1


def test_with_retries_it_would_be(connect: Open, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: `Retry(NoBackoff(), 2)` stands there, so the client retries, as the driver does by default."""
    monkeypatch.setattr(clients, "Retry", lambda backoff, _: Retry(NoBackoff(), 2))
    assert count_of_one_increment_that_times_out(connect, valkey) > 1


def test_a_command_waits_for_a_free_connection_no_longer_than_the_pool_timeout(connect: Open) -> None:
    redis = connect(pool_size=1, pool_timeout=0.2)
    held: Any = redis.commands.connection_pool.get_connection()
    try:
        assert "has no free connection" in unavailable(redis)
    finally:
        redis.commands.connection_pool.release(held)
    assert redis.commands.ping()


def test_a_blocking_read_waits_longer_than_the_read_timeout_and_hinders_no_command(connect: Open) -> None:
    redis = connect(read_timeout=0.2, longest_block=5, pool_size=1, pool_timeout=0.2)
    got: list[Any] = []
    reader = threading.Thread(target=lambda: got.append(redis.blocking.blpop(["list"], timeout=5)))
    reader.start()
    try:
        deadline = time.monotonic() + 5
        while not redis.commands.info("clients")["blocked_clients"] and time.monotonic() < deadline:
            time.sleep(0.01)
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert redis.commands.ping()
    finally:
        redis.commands.rpush("list", b"x")
        reader.join(10)
    assert [tuple(each) for each in got] == [(b"list", b"x")]
