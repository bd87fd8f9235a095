"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from bharat.contracts.check import Status
from bharat.testing.platform import CountingFences, SmallPlatform
from bharat_local_servers import Valkey
from bharat_locks_redis import RedisLockOptions, bharat_locks
from bharat_locks_redis.health import examine
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


def test_the_health_check_fails_while_redis_is_down(build: Callable[..., RedisLocks], valkey: Valkey) -> None:
    locks = build(CountingFences())
    assert examine(locks).status is Status.OK
    valkey.stop()
    assert examine(locks).status is Status.FAILED


def test_the_health_check_says_that_leases_are_kept_elsewhere() -> None:
    class Other:
        pass

    found = examine(Other())  # type: ignore[arg-type] # any other provider's
    assert found.status is Status.DEGRADED
    assert "locks.provider" in found.remedy


@pytest.mark.parametrize("url", ["http://h", "redis://", "redis://h/x"])
def test_a_url_that_can_t_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL"):
        RedisLockOptions(url=url)
