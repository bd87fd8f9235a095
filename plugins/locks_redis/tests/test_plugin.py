"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from bharat.contracts.check import Finding, Status
from bharat.testing.platform import CountingFences, SmallPlatform
from bharat_local_servers import Valkey
from bharat_locks_redis import RedisLockOptions, bharat_locks
from bharat_locks_redis.locks import RedisLocks


def test_it_offers_a_provider_that_nodes_can_share(options: RedisLockOptions, platform: SmallPlatform) -> None:
    (provider,) = bharat_locks()
    assert (provider.name, provider.shared) == ("redis", True)
    built = provider.build(options, platform)
    assert isinstance(built, RedisLocks)
    built.close()


def test_the_driver_is_not_imported_before_the_provider_is_built() -> None:
    code = "import sys, bharat_locks_redis as p; p.RedisLockOptions(url='redis://h'); sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The check.


def found(locks: RedisLocks, platform: SmallPlatform) -> dict[str, Finding]:
    (provider,) = bharat_locks()
    assert provider.check is not None
    return {finding.about: finding for finding in provider.check(locks, platform)}


def test_any_redis_is_fit_for_leases(build: Callable[..., RedisLocks], platform: SmallPlatform, valkey: Valkey) -> None:
    locks = build(CountingFences())
    with redis.Redis.from_url(valkey.url) as raw:
        raw.config_set("maxmemory-policy", "allkeys-lru")
        findings = found(locks, platform)
        raw.config_set("maxmemory-policy", "noeviction")
        assert {finding.status for finding in findings.values()} == {Status.OK}
        assert raw.keys() == []


def test_a_redis_that_is_down_is_a_failure(
    build: Callable[..., RedisLocks], platform: SmallPlatform, valkey: Valkey
) -> None:
    locks = build(CountingFences())
    valkey.stop()
    findings = found(locks, platform)
    assert [finding.status for finding in findings.values()] == [Status.FAILED]
    assert "locks.redis.url" in findings[""].remedy


README_ACL = "~bharat:lock:* +set +get +del +pexpire +evalsha +eval +ping +info +time +client|setname"


@pytest.mark.parametrize(("left_out", "named"), [("", ""), ("+pexpire", "'pexpire'"), ("+set", "'set'")])
def test_what_an_acl_leaves_out_is_named(valkey: Valkey, platform: SmallPlatform, left_out: str, named: str) -> None:
    rules = [rule for rule in README_ACL.split() if rule != left_out]
    with redis.Redis.from_url(valkey.url) as raw:
        raw.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">hush", *rules)
    locks = RedisLocks(RedisLockOptions(url=f"redis://limited:hush@127.0.0.1:{valkey.port}/0"), CountingFences())
    findings = found(locks, platform)
    locks.close()
    failed = [finding for finding in findings.values() if finding.status is not Status.OK]
    assert [finding.about for finding in failed] == (["commands"] if left_out else [])
    assert all(named in finding.detail for finding in failed)


def test_the_readme_says_what_an_acl_needs() -> None:
    text = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())
    assert all(rule in text for rule in README_ACL.split()[1:])


@pytest.mark.parametrize("url", ["http://h", "redis://", "redis://h/x"])
def test_a_url_that_can_t_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL"):
        RedisLockOptions(url=url)
