"""The clients: two pools with deadlines, no retries, one error."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
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

    def __init__(self, clients: RedisClients, text: str) -> None:
        self._call = clients.call
        self._text = text
        self._sha = clients.commands.register_script(text).sha

    def __call__(self, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        try:
            return self._call("EVALSHA", self._sha, len(keys), *keys, *args)
        except NoScriptError:  # it was not run, so running it now is no repetition
            return self._call("EVAL", self._text, len(keys), *keys, *args)


class RedisClients:
    """The clients for one server; see the README. Safe to share between threads, greenlets and over a fork.

    `commands` and `blocking` give back bytes."""

    def __init__(self, options: RedisOptions) -> None:
        self._options = options
        self._translated = _Translated(options.address)
        self.commands: redis.Redis = _client(options, options.read_timeout)
        # The server answers an empty-handed wait after `longest_block`; only a lost one takes longer.
        self.blocking: redis.Redis = _client(options, options.longest_block + options.read_timeout)

    def call(self, *words: Argument) -> Any:
        """One command, and its answer as the server gives it: bytes, a number, a list or `None`.

        What `commands` does beside sending and reading (retries, which we have none of; metrics, conversions) costs a fifth of a
        round trip. So what a request waits for goes this way."""
        pool = self.commands.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        except ResponseError:  # an answer, read to its end
            raise
        except BaseException:
            # The answer may come yet, and would be taken for that of the next command.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)

    def key(self, *parts: str) -> str:
        """A key in our namespace: the prefix, then the parts between colons."""
        return self._options.prefix + ":".join(parts)

    def script(self, text: str) -> Script:
        """A script that runs on `commands`."""
        return Script(self, text)

    def now(self) -> datetime:
        """The server's clock, in UTC. Raises `RedisUnavailable`."""
        with self.translated():
            seconds, micros = self.commands.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)

    def translated(self) -> AbstractContextManager[None]:
        """Within the block, an error that says "Redis does not serve us now" is raised as `RedisUnavailable`."""
        return self._translated

    def close(self) -> None:
        """Close every connection. Idempotent."""
        for client in (self.commands, self.blocking):
            client.connection_pool.disconnect()


class _Translated:
    """What `RedisClients.translated` gives: without state, so that one serves all."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            return
        if isinstance(error, redis.RedisError):
            if (reason := _reason(error)) is not None:
                raise RedisUnavailable(f"Redis at {self._address} {reason}") from error
        elif isinstance(error, OSError):  # the driver lets some through, as when TLS fails
            raise RedisUnavailable(f"Redis at {self._address} can't be reached") from error


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
