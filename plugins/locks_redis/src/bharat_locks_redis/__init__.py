"""Leases in Redis: the provider `redis` of the capability `locks`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.locks import Locks
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat_redis import RedisSettings

if TYPE_CHECKING:
    from bharat_locks_redis.locks import RedisLocks


class RedisLockOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the locks provider `redis`."""


@hookimpl
def bharat_locks() -> Sequence[Provider[Locks, Any]]:
    return [Provider("redis", RedisLockOptions, _build, shared=True, summary="Leases in Redis or Valkey", check=_check)]


def _build(options: RedisLockOptions, platform: Platform) -> Locks:
    from bharat_locks_redis.locks import RedisLocks

    return RedisLocks(options, platform.fences)


def _check(locks: RedisLocks, platform: Platform) -> Iterable[Finding]:
    from bharat_locks_redis.health import examine_locks

    return examine_locks(locks, platform)
