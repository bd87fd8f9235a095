"""Login sessions in Redis: the provider `redis` of the capability `sessions`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.sessions import Sessions
from bharat_redis import RedisSettings

if TYPE_CHECKING:
    from bharat_session_redis.sessions import RedisSessions


class RedisSessionOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the sessions provider `redis`."""


@hookimpl
def bharat_sessions() -> Sequence[Provider[Sessions, Any]]:
    return [
        Provider("redis", RedisSessionOptions, _build, shared=True, summary="Sessions in Redis or Valkey", check=_check)
    ]


def _build(options: RedisSessionOptions, platform: Platform) -> Sessions:
    from bharat_session_redis.sessions import RedisSessions

    return RedisSessions(options)


def _check(sessions: RedisSessions, platform: Platform) -> Iterable[Finding]:
    from bharat_session_redis.health import examine_sessions

    return examine_sessions(sessions, platform)
