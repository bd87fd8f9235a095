"""A real Valkey for the tests of a file, empty at the start of each; missing, it is a loud skip, and a failure when CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from bharat.contracts.platform import Fences
from bharat_local_servers import ServerUnavailable, Valkey
from bharat_locks_redis import RedisLockOptions
from bharat_locks_redis.locks import RedisLocks

Build = Callable[..., RedisLocks]


@pytest.fixture(scope="module")
def running_valkey() -> Iterator[Valkey]:
    try:
        server = Valkey()
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
def options(valkey: Valkey) -> RedisLockOptions:
    return RedisLockOptions(url=valkey.url, connect_timeout=0.5, read_timeout=0.5)


@pytest.fixture
def build(options: RedisLockOptions) -> Iterator[Build]:
    """Builds the store as one more process does, with an issuer of fences."""
    with ExitStack() as stack:

        def builder(fences: Fences) -> RedisLocks:
            built = RedisLocks(options, fences)
            stack.callback(built.close)
            return built

        yield builder


@pytest.fixture
def raw(valkey: Valkey) -> Iterator[Any]:
    """A plain client, to look at what is stored."""
    with redis.Redis.from_url(valkey.url) as client:
        yield client
