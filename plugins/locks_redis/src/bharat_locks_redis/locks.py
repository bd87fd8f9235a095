"""`RedisLocks`: one key a lock, which holds its owner's secret and expires with the lease.

A lease is taken in two steps: the key first, then the fencing token. So a token is only ever issued to who holds the name, and those
handed out rise in the order of acquisition.

The other order would need one round trip to Redis as well, and be wrong: who draws the lower token may set the key later, and hold
the name with a token lower than an earlier holder's. Drawing it in Redis would be one step, and Redis may forget what it drew. Whether
the key is still ours once the token is there is asked only if that took long: see `_ALLOWANCE`.
"""

from __future__ import annotations

import random
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, validate_lock
from bharat.contracts.platform import Fences
from bharat_locks_redis import scripts
from bharat_redis import RedisUnavailable, open_redis

if TYPE_CHECKING:
    from bharat_locks_redis import RedisLockOptions
    from bharat_redis.clients import RedisClients

_POLL = 0.03
"""Seconds between two looks of who waits, about: in step they would meet again and again."""
_TURN = timedelta(milliseconds=500)
"""How long who does not want to wait for a lock waits for its token all the same."""
_ALLOWANCE = timedelta(milliseconds=100)
"""How much longer than the lease its key lasts, at most: the time for the token, which is so no part of the TTL. Within it the key can't
have ended, so Redis is not asked; it might have lost it, as it may at any time after an answer. Whose it then is, the fence tells.
A tenth of the TTL when that is less, so that a lease is not much longer than was asked for."""
_MILLISECOND = timedelta(milliseconds=1)


class RedisLocks:
    """See `bharat.contracts.locks.Locks`. Redis may be down while this is made.

    After a time-out it is unknown whether the key was set. Nobody holds it then, and it ends with its TTL."""

    def __init__(self, options: RedisLockOptions, fences: Fences) -> None:
        self._redis = open_redis(options.connection("bharat-locks"))
        self._fences = fences
        self._key = self._redis.key("lock", "")
        self._renew = self._redis.script(scripts.RENEW)
        self._release = self._redis.script(scripts.RELEASE)

    def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
        validate_lock(name, ttl)
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            left = timedelta(seconds=deadline - time.monotonic())
            try:
                lease = self._try(name, ttl, max(left, _TURN))
            except (RedisUnavailable, Unavailable):
                return None
            seconds = deadline - time.monotonic()
            if lease is not None or seconds <= 0:
                return lease
            time.sleep(min(seconds, _POLL * (0.5 + random.random())))

    def renew(self, lease: Lease) -> None:
        try:
            renewed = self._still_owned(lease)
        except RedisUnavailable as error:
            # The cause names the server, for the log; this may reach anybody.
            raise LeaseUncertain(f"The lease {lease.name!r} could not be renewed: Redis does not answer.") from error
        if not renewed:
            raise LeaseLost(f"The lease {lease.name!r} expired or belongs to another owner.")

    def release(self, lease: Lease) -> bool:
        try:
            with self._redis.translated():
                return bool(self._release([self._key + lease.name], [lease.owner]))
        except RedisUnavailable:
            # It ends by itself at its expiry.
            return False

    @property
    def clients(self) -> RedisClients:
        """Its connections, for the health check."""
        return self._redis

    def try_out(self) -> None:
        """Take, renew and release a key of nobody's lock, as a lease does, but without a token. Raises `RedisUnavailable`."""
        owner = secrets.token_hex(16)
        lease = Lease(f"probe:{owner}", owner, 0, timedelta(seconds=30))
        with self._redis.translated():
            self._redis.commands.set(self._key + lease.name, owner, nx=True, px=lease.ttl // _MILLISECOND)
            self._still_owned(lease)
            self._release([self._key + lease.name], [owner])

    def close(self) -> None:
        self._redis.close()

    def _try(self, name: str, ttl: timedelta, wait: timedelta) -> Lease | None:
        owner = secrets.token_hex(16)
        allowance = min(_ALLOWANCE, ttl / 10)
        # By the clock that goes on while the process is frozen, and before the key is set: what is measured is never too short.
        begun = time.monotonic()
        with self._redis.translated():
            milliseconds = (ttl + allowance) // _MILLISECOND
            if not self._redis.call("SET", self._key + name, owner, "NX", "PX", milliseconds):
                return None
        try:
            lease = Lease(name, owner, self._fences.issue(name, wait=wait), ttl)
        except BaseException:
            self.release(Lease(name, owner, 0, ttl))
            raise
        in_time = time.monotonic() - begun < allowance.total_seconds()
        return lease if in_time or self._still_owned(lease) else None

    def _still_owned(self, lease: Lease) -> bool:
        """Give the key a full TTL from now, if it is this owner's."""
        with self._redis.translated():
            return bool(self._renew([self._key + lease.name], [lease.owner, lease.ttl // _MILLISECOND]))
