"""The health check: does Redis answer?"""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.locks import Locks
from bharat_locks_redis.locks import RedisLocks
from bharat_redis import RedisUnavailable


def examine(locks: Locks) -> Finding:
    """What is to be said of the application's lock store. That it forgets locks is no fault: the fence is the guarantee."""
    if not isinstance(locks, RedisLocks):
        return Finding(
            Status.DEGRADED,
            "the plugin locks_redis is enabled, and leases are kept elsewhere",
            'set locks.provider = "redis", or disable the plugin',
        )
    try:
        locks.ping()
    except RedisUnavailable as error:
        return Finding(Status.FAILED, str(error), "see that Redis runs and that locks.redis.url is right")
    return Finding(Status.OK, "Redis answers")
