"""Sessions on the real Valkey of `bharat_local_servers.pytest_fixtures`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bharat.contracts.sessions import Sessions
from bharat.testing.platform import SmallPlatform
from bharat_local_servers import Valkey
from bharat_session_redis import RedisSessionOptions, bharat_sessions

CONNECT_TIMEOUT = READ_TIMEOUT = 0.5


@pytest.fixture(scope="module")
def valkey_settings() -> dict[str, Any]:
    """It keeps its data over a restart."""
    return {"appendonly": True}


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
