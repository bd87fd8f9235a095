"""Locks on the real Valkey of `bharat_local_servers.pytest_fixtures`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bharat.contracts.platform import Fences
from bharat_local_servers import Valkey
from bharat_locks_redis import RedisLockOptions
from bharat_locks_redis.locks import RedisLocks

Build = Callable[..., RedisLocks]


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
