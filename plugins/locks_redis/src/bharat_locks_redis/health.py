"""The check of the provider: is the server fit for leases, and may its user do what they need?"""

from __future__ import annotations

from collections.abc import Iterator

from bharat.contracts.check import Finding, Status
from bharat.contracts.distance import examine_distance
from bharat.contracts.platform import Platform
from bharat_locks_redis.locks import RedisLocks
from bharat_redis import Keeps, examine


def examine_locks(locks: RedisLocks, platform: Platform) -> Iterator[Finding]:
    """What is to be said of the lock store. That it forgets locks is no fault: the fence is the guarantee."""
    serves = False
    for remark in examine(locks.clients, Keeps.LEASES, "leases", "locks.redis.url", locks.try_out):
        serves = (remark.about, remark.severity) == ("commands", "ok")
        yield Finding(Status(remark.severity), remark.detail, remark.remedy, remark.about)
    if serves:
        yield from examine_distance(locks.clients.now, platform.clock, "Redis")
