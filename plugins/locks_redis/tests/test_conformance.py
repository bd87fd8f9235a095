"""The suite of the capability. Redis lives by a clock of its own, so time really passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bharat.contracts.locks import Locks
from bharat.testing.locks import LocksSuite
from bharat.testing.platform import CountingFences
from bharat.testing.suite import CutOff
from bharat_local_servers import Valkey
from bharat_locks_redis.locks import RedisLocks

Build = Callable[..., RedisLocks]


class TestRedisLocks(LocksSuite):
    @pytest.fixture
    def locks(self, build: Build, fences: CountingFences) -> Locks:
        return build(fences)

    @pytest.fixture
    def elsewhere(self, build: Build, fences: CountingFences) -> Locks:
        return build(fences)

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, valkey: Valkey) -> Iterator[CutOff]:
        yield valkey.stop if request.param == "stopped" else valkey.pause
        valkey.resume()
