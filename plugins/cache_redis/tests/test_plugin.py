"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from bharat.contracts.check import Status
from bharat.testing.platform import SmallPlatform
from bharat_cache_redis import RedisCacheOptions, RedisLimitOptions, bharat_cache, bharat_limits
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.health import examine
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import Valkey

BuildCache = Callable[..., RedisCache]
BuildLimits = Callable[[], RedisLimits]


class Other:
    """Any other provider's."""


def test_it_offers_providers_that_nodes_can_share(valkey: Valkey, platform: SmallPlatform) -> None:
    (cache,), (limits,) = bharat_cache(), bharat_limits()
    assert (cache.name, cache.shared, limits.name, limits.shared) == ("redis", True, "redis", True)
    for built in (
        cache.build(RedisCacheOptions(url=valkey.url), platform),
        limits.build(RedisLimitOptions(url=valkey.url), platform),
    ):
        assert isinstance(built, (RedisCache, RedisLimits))
        built.close()


def test_the_driver_is_not_imported_before_a_provider_is_built() -> None:
    code = "import sys, bharat_cache_redis as p; p.RedisCacheOptions(url='redis://h'); sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_option_is_described() -> None:
    for options in (RedisCacheOptions, RedisLimitOptions):
        for field in msgspec.structs.fields(options):
            assert "description=" in str(field.type), field.name


@pytest.mark.parametrize(
    "name", ["rest", "compute_timeout", "connect_timeout", "read_timeout", "pool_timeout", "pool_size"]
)
def test_a_value_that_can_t_be_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "redis://host", name: 0}, RedisCacheOptions)


# The health check.


@pytest.fixture
def policy(raw: Any) -> Iterator[Callable[[str], None]]:
    """Sets what the Redis does when it is full."""
    yield lambda name: raw.config_set("maxmemory-policy", name)
    raw.config_set("maxmemory-policy", "noeviction")


def test_a_cache_wants_to_evict(build_cache: BuildCache, policy: Callable[[str], None]) -> None:
    cache = build_cache()
    found = examine(cache, Other())  # type: ignore[arg-type] # any other provider's
    assert (found.status, "REDIS_CACHE_URL" in found.remedy) == (Status.DEGRADED, True)
    policy("allkeys-lru")
    assert examine(cache, Other()).status is Status.OK  # type: ignore[arg-type] # any other provider's


def test_limits_want_nothing_evicted(build_limits: BuildLimits, policy: Callable[[str], None]) -> None:
    limits = build_limits()
    assert examine(Other(), limits).status is Status.OK  # type: ignore[arg-type] # any other provider's
    policy("allkeys-lru")
    found = examine(Other(), limits)  # type: ignore[arg-type] # any other provider's
    assert (found.status, "noeviction" in found.remedy) == (Status.DEGRADED, True)


def test_limits_that_are_away_are_a_failure_and_a_cache_is_none(
    build_cache: BuildCache, build_limits: BuildLimits, valkey: Valkey
) -> None:
    cache, limits = build_cache(), build_limits()
    valkey.stop()
    assert examine(Other(), limits).status is Status.FAILED  # type: ignore[arg-type] # any other provider's
    assert examine(cache, Other()).status is Status.DEGRADED  # type: ignore[arg-type] # any other provider's


def test_it_says_that_nothing_is_kept_in_redis() -> None:
    found = examine(Other(), Other())  # type: ignore[arg-type] # any other provider's
    assert found.status is Status.DEGRADED
    assert "cache.provider" in found.remedy
