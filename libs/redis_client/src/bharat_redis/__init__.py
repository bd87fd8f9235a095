"""The one way in which Bharat's plugins connect to Redis (7 or newer) or Valkey. The driver is imported by `open_redis`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bharat_redis.errors import RedisUnavailable
from bharat_redis.examination import Keeps, Remark, examine
from bharat_redis.options import RedisOptions
from bharat_redis.settings import RedisSettings

if TYPE_CHECKING:
    from bharat_redis.clients import RedisClients


def open_redis(options: RedisOptions) -> RedisClients:
    """The clients for one server. No connection is opened before the first command, so a server that is down is no error."""
    from bharat_redis.clients import RedisClients  # the driver takes its time and memory: only for who uses it

    return RedisClients(options)


__all__ = ["Keeps", "RedisOptions", "RedisSettings", "RedisUnavailable", "Remark", "examine", "open_redis"]
