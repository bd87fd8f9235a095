"""Login sessions in Redis: the provider `redis` of the capability `sessions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from bharat import hookimpl
from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.sessions import Sessions

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RedisSessionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the sessions provider `redis`."""

    url: Annotated[
        str,
        msgspec.Meta(
            description="the Redis server, redis://user:password@host:6379/0, or rediss:// for TLS",
            extra={"env": ("REDIS_URL",), "secret": True},
        ),
    ]
    prefix: Annotated[str, msgspec.Meta(description="what every key begins with")] = "bharat:"
    connect_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a connection")] = 1.0
    read_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for an answer")] = 2.0
    pool_size: Annotated[int, msgspec.Meta(ge=1, description="connections per process")] = 20
    pool_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a free connection")] = 2.0

    def __post_init__(self) -> None:
        from bharat_session_redis.sessions import redis_options

        redis_options(self)  # a URL that can't be used is refused when the configuration is read


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
