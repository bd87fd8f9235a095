"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bharat.contracts.check import Finding, Status
from bharat.testing.platform import SmallPlatform
from bharat_cache_redis import RedisCacheOptions, RedisLimitOptions, bharat_cache, bharat_limits
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import Valkey

BuildCache = Callable[..., RedisCache]
BuildLimits = Callable[[], RedisLimits]


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


# The checks.


def found_of_cache(cache: RedisCache, platform: SmallPlatform) -> dict[str, Finding]:
    (provider,) = bharat_cache()
    assert provider.check is not None
    return {finding.about: finding for finding in provider.check(cache, platform)}


def found_of_limits(limits: RedisLimits, platform: SmallPlatform) -> dict[str, Finding]:
    (provider,) = bharat_limits()
    assert provider.check is not None
    return {finding.about: finding for finding in provider.check(limits, platform)}


@pytest.fixture
def policy(raw: Any) -> Iterator[Callable[[str], None]]:
    """Sets what the Redis does when it is full."""
    yield lambda name: raw.config_set("maxmemory-policy", name)
    raw.config_set("maxmemory-policy", "noeviction")
    raw.config_set("maxmemory", 0)


def test_a_cache_wants_to_evict_below_a_limit(
    build_cache: BuildCache, platform: SmallPlatform, policy: Callable[[str], None], raw: Any
) -> None:
    cache = build_cache()
    finding = found_of_cache(cache, platform)["eviction"]
    assert (finding.status, "REDIS_CACHE_URL" in finding.remedy) == (Status.DEGRADED, True)
    policy("allkeys-lru")
    raw.config_set("maxmemory", "1gb")
    assert {finding.status for finding in found_of_cache(cache, platform).values()} == {Status.OK}
    assert raw.keys() == []


def test_limits_where_they_may_be_evicted_are_refused(
    build_limits: BuildLimits, platform: SmallPlatform, policy: Callable[[str], None], raw: Any
) -> None:
    limits = build_limits()
    assert {finding.status for finding in found_of_limits(limits, platform).values()} == {Status.OK}
    assert raw.keys() == []
    policy("allkeys-lru")
    finding = found_of_limits(limits, platform)["eviction"]
    assert (finding.status, "noeviction" in finding.remedy) == (Status.FAILED, True)


def test_limits_that_are_away_are_a_failure_and_a_cache_is_none(
    build_cache: BuildCache, build_limits: BuildLimits, platform: SmallPlatform, valkey: Valkey
) -> None:
    cache, limits = build_cache(), build_limits()
    valkey.stop()
    assert [finding.status for finding in found_of_limits(limits, platform).values()] == [Status.FAILED]
    assert [finding.status for finding in found_of_cache(cache, platform).values()] == [Status.DEGRADED]


README_ACL = "+@read +@write +@scripting +@connection +time +info +ping"


@pytest.mark.parametrize(("left_out", "named"), [("", ""), ("+@write", "to run the '"), ("+@scripting", "eval")])
@pytest.mark.parametrize("kept", ["cache", "limit"])
def test_what_an_acl_leaves_out_is_named(
    valkey: Valkey, raw: Any, platform: SmallPlatform, kept: str, left_out: str, named: str
) -> None:
    rules = [rule for rule in README_ACL.split() if rule != left_out]
    raw.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">hush", f"~bharat:{kept}:*", *rules)
    url = f"redis://limited:hush@127.0.0.1:{valkey.port}/0"
    if kept == "cache":
        cache = RedisCache(RedisCacheOptions(url=url))
        finding = found_of_cache(cache, platform)["commands"]
        cache.close()
    else:
        limits = RedisLimits(RedisLimitOptions(url=url))
        finding = found_of_limits(limits, platform)["commands"]
        limits.close()
    assert (finding.status is Status.OK) is (not left_out)
    assert named in finding.detail


def test_the_readme_says_what_an_acl_needs() -> None:
    text = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())
    assert README_ACL in text
