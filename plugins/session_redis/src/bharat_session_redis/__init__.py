"""Login sessions in Redis: the provider `redis` of the capability `sessions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bharat import hookimpl
from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.sessions import Sessions
from bharat_redis import RedisSettings


class RedisSessionOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the sessions provider `redis`."""


@hookimpl
def bharat_sessions() -> Sequence[Provider[Sessions, Any]]:
    return [Provider("redis", RedisSessionOptions, _build, shared=True, summary="Sessions in Redis or Valkey")]


@hookimpl
def bharat_checks() -> Sequence[Check]:
    return [Check(name="session_redis", run=_check)]


def _build(options: RedisSessionOptions, platform: Platform) -> Sessions:
    from bharat_session_redis.sessions import RedisSessions

    return RedisSessions(options)


def _check(app: Application) -> Finding:
    from bharat_session_redis.health import examine

    return examine(app.sessions)
