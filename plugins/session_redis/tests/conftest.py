"""A real Valkey for the tests of a file, empty at the start of each; missing, it is a loud skip, and a failure when CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from bharat.contracts.sessions import Sessions
from bharat.testing.platform import SmallPlatform
from bharat_local_servers import ServerUnavailable, Valkey
from bharat_session_redis import RedisSessionOptions, bharat_sessions

CONNECT_TIMEOUT = READ_TIMEOUT = 0.5


@pytest.fixture(scope="module")
def running_valkey() -> Iterator[Valkey]:
    try:
        server = Valkey(appendonly=True)
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture
def valkey(running_valkey: Valkey) -> Valkey:
    running_valkey.start()  # a test before may have stopped it
    with redis.Redis.from_url(running_valkey.url) as client:
        client.flushall()
    return running_valkey


@pytest.fixture
def options(valkey: Valkey) -> RedisSessionOptions:
    return RedisSessionOptions(url=valkey.url, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)


@pytest.fixture
def redis_sessions(options: RedisSessionOptions, platform: SmallPlatform) -> Iterator[Sessions]:
    (provider,) = bharat_sessions()
    built: Sessions = provider.build(options, platform)
    yield built
    built.close()


@pytest.fixture
def raw(valkey: Valkey) -> Iterator[Any]:
    """A plain client, to look at what is stored."""
    with redis.Redis.from_url(valkey.url) as client:
        yield client


@pytest.fixture
def held(raw: Any) -> Callable[[], bytes]:
    """Every key and value that Redis holds, one after the other."""

    def dump() -> bytes:
        parts: list[bytes] = []
        for key in sorted(raw.scan_iter(count=1000)):
            parts.append(key)
            kind = raw.type(key)
            if kind == b"hash":
                for name, value in raw.hgetall(key).items():
                    parts += [name, value]
            elif kind == b"zset":
                parts += raw.zrange(key, 0, -1)
            else:
                assert kind == b"none", f"{key!r} is a {kind!r}, which this store never makes"  # none: just expired
        return b"\n".join(parts)

    return dump
