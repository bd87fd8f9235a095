"""What a user says of a Redis server, the same for whatever is kept in it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bharat_redis.options import RedisOptions

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a configuration section, each with its description. Raises `ValueError` for a URL that can't be used; as a
    section is read, so that a wrong one stops the start."""

    url: Annotated[
        str,
        msgspec.Meta(
            description="the Redis server, redis://user:password@host:6379/0, or rediss:// for TLS",
            examples=["rediss://bharat:password@redis.example.com:6379/0"],
            extra={"env": ("REDIS_URL",), "secret": True},
        ),
    ]
    prefix: Annotated[str, msgspec.Meta(description="what every key begins with")] = "bharat:"
    connect_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a connection")] = 1.0
    read_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for an answer")] = 2.0
    pool_size: Annotated[int, msgspec.Meta(ge=1, description="connections per process")] = 20
    pool_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a free connection")] = 2.0

    def __post_init__(self) -> None:
        self.connection("")

    def connection(self, client_name: str) -> RedisOptions:
        """How to connect, under a name that `CLIENT LIST` shows."""
        return RedisOptions(
            str(self.url),
            prefix=self.prefix,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            pool_size=self.pool_size,
            pool_timeout=self.pool_timeout,
            client_name=client_name,
        )
