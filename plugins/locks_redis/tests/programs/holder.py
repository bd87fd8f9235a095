"""Takes the lock `report` and says so; told to, it writes its name to the organisation. `unguarded` leaves out the guard.

Arguments: database URL, Redis URL, organisation, TTL in seconds, what to write, `guarded` or `unguarded`."""

import sys
from datetime import timedelta
from uuid import UUID

from bharat.contracts.locks import LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences
from bharat.data.organisations import organisations
from bharat_locks_redis import RedisLockOptions
from bharat_locks_redis.locks import RedisLocks

database_url, redis_url, organisation, ttl, name, guarded = sys.argv[1:]
database = BharatDatabase(EngineOptions(database_url))
fences = DatabaseFences(database)
locks = RedisLocks(RedisLockOptions(url=redis_url), fences)
lease = locks.acquire("report", ttl=timedelta(seconds=float(ttl)), wait=timedelta(seconds=20))
assert lease is not None
sys.stdout.write(f"{lease.fence}\n")
sys.stdout.flush()
sys.stdin.readline()
try:
    with database.write(UUID(organisation), SYSTEM) as unit:
        if guarded == "guarded":
            fences.guard(unit, lease)
        unit.execute(organisations.update().where(organisations.c.id == UUID(organisation)).values(name=name))
    sys.stdout.write("written\n")
except LeaseLost:
    sys.stdout.write("refused\n")
