"""Leases in Redis: the provider `redis` of the capability `locks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bharat import hookimpl
from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding
from bharat.contracts.locks import Locks
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat_redis import RedisSettings


class RedisLockOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the locks provider `redis`."""


@hookimpl
def bharat_locks() -> Sequence[Provider[Locks, Any]]:
    return [Provider("redis", RedisLockOptions, _build, shared=True, summary="Leases in Redis or Valkey")]


@hookimpl
def bharat_checks() -> Sequence[Check]:
    return [Check(name="locks_redis", run=_check)]


def _build(options: RedisLockOptions, platform: Platform) -> Locks:
    from bharat_locks_redis.locks import RedisLocks

    return RedisLocks(options, platform.fences)


def _check(app: Application) -> Finding:
    from bharat_locks_redis.health import examine

    return examine(app.locks)
