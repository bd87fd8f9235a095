"""The suites of both capabilities. Redis lives by a clock of its own, so time really passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bharat.contracts.cache import Cache
from bharat.contracts.limits import Limits
from bharat.testing.cache import CacheSuite, Neighbour
from bharat.testing.limits import LimitsSuite
from bharat.testing.suite import CutOff
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import Valkey


@pytest.fixture(params=["stopped", "stalled"])
def cut_off(request: pytest.FixtureRequest, valkey: Valkey) -> Iterator[CutOff]:
    yield valkey.stop if request.param == "stopped" else valkey.pause
    valkey.resume()


class TestRedisCache(CacheSuite):
    @pytest.fixture
    def cache(self, build_cache: Callable[..., RedisCache]) -> Cache:
        return build_cache()

    @pytest.fixture
    def cut_off(self, cut_off: CutOff) -> CutOff:
        return cut_off

    @pytest.fixture
    def other(self, build_cache: Callable[..., RedisCache]) -> Cache:
        return build_cache()

    @pytest.fixture
    def neighbour(self, raw: Any) -> Neighbour:
        """Another's entry, whose key begins almost as ours do."""
        keys = ["bharat:session:1", "bharat2:cache:value:x", "cache:value:x", "bharat:cach"]
        for key in keys:
            raw.set(key, "theirs")
        return lambda: all(raw.get(key) == b"theirs" for key in keys)


class TestRedisLimits(LimitsSuite):
    @pytest.fixture
    def limits(self, build_limits: Callable[[], RedisLimits]) -> Limits:
        return build_limits()

    @pytest.fixture
    def cut_off(self, cut_off: CutOff) -> CutOff:
        return cut_off
