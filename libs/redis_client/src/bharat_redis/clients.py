"""The clients: two pools with deadlines, no retries, one error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.retry import Retry

from bharat_redis.errors import RedisUnavailable
from bharat_redis.options import RedisOptions

_NOT_NOW = frozenset(
    [
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNKILLABLE",
        "WRONGPASS",
    ]
)
"""Codes with which a server that works refuses every such command for now: its state is at fault, not the command."""

Argument = str | bytes | int | float


class Script:
    """A Lua script. Called by its hash; a server that does not know it, after its restart, is sent the text."""

    def __init__(self, client: redis.Redis, text: str) -> None:
        self._client = client
        self._text = text
        self._sha = client.register_script(text).sha

    def __call__(self, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        try:
            return self._client.evalsha(self._sha, len(keys), *keys, *args)
        except NoScriptError:  # it was not run, so running it now is no repetition
            return self._client.eval(self._text, len(keys), *keys, *args)


class RedisClients:
    """The clients for one server; see the README. Safe to share between threads, greenlets and over a fork.

    `commands` and `blocking` give back bytes."""

    def __init__(self, options: RedisOptions) -> None:
        self._options = options
        self.commands: redis.Redis = _client(options, options.read_timeout)
        # The server answers an empty-handed wait after `longest_block`; only a lost one takes longer.
        self.blocking: redis.Redis = _client(options, options.longest_block + options.read_timeout)

    def key(self, *parts: str) -> str:
        """A key in our namespace: the prefix, then the parts between colons."""
        return self._options.prefix + ":".join(parts)

    def script(self, text: str) -> Script:
        """A script that runs on `commands`."""
        return Script(self.commands, text)

    def now(self) -> datetime:
        """The server's clock, in UTC. Raises `RedisUnavailable`."""
        with self.translated():
            seconds, micros = self.commands.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Within the block, an error that says "Redis does not serve us now" is raised as `RedisUnavailable`."""
        try:
            yield
        except redis.RedisError as error:
            reason = _reason(error)
            if reason is None:
                raise
            raise RedisUnavailable(f"Redis at {self._options.address} {reason}") from error
        except OSError as error:  # the driver lets some through, as when TLS fails
            raise RedisUnavailable(f"Redis at {self._options.address} can't be reached") from error

    def close(self) -> None:
        """Close every connection. Idempotent."""
        for client in (self.commands, self.blocking):
            client.connection_pool.disconnect()


def _client(options: RedisOptions, read_timeout: float) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        options.driver_url,
        max_connections=options.pool_size,
        timeout=options.pool_timeout,
        socket_connect_timeout=options.connect_timeout,
        socket_timeout=read_timeout,
        socket_keepalive=True,
        # Sending again what timed out would do it twice: the driver's default is to try ten times.
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        # Replies of one shape, from every server; no push messages that would lengthen our time-outs.
        protocol=2,
        client_name=options.client_name,
        driver_info=None,
    )
    return redis.Redis(connection_pool=pool)


def _reason(error: redis.RedisError) -> str | None:
    """Why Redis does not serve us, or `None` when the caller's own command is at fault."""
    code = str(error).partition(" ")[0]
    if isinstance(error, AuthenticationError | AuthorizationError) or code in ("NOAUTH", "WRONGPASS"):
        return "refuses the user or password of the URL"
    # A script that meets its user's ACL has a text of its own for that, and no code.
    if isinstance(error, NoPermissionError) or code == "NOPERM" or str(error).startswith("ACL failure"):
        return "does not permit its user a command or key that is needed; see its ACL"
    if isinstance(error, redis.TimeoutError):
        return "does not answer in time"
    if isinstance(error, BusyLoadingError) or code == "LOADING":
        return "is still loading its data"
    if isinstance(error, OutOfMemoryError) or code == "OOM":
        return "is full (maxmemory)"
    if isinstance(error, ReadOnlyError) or code == "READONLY":
        return "is a replica and takes no writes"
    if isinstance(error, redis.ConnectionError):
        return "can't be reached" if str(error) != "No connection available." else "has no free connection (pool_size)"
    if isinstance(error, ResponseError) and code in _NOT_NOW:
        return f"refuses to serve ({code})"
    return None
