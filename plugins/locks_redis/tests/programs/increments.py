"""Adds one to the number that is an organisation's name, as often as asked, each time under the lock. `unlocked` leaves out lock and
guard.

Arguments: database URL, Redis URL, organisation, how often, `locked` or `unlocked`."""

import sys
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.locks import LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences
from bharat.data.organisations import organisations
from bharat_locks_redis import RedisLockOptions
from bharat_locks_redis.locks import RedisLocks

database_url, redis_url, organisation, times, locked = sys.argv[1:]
mine = UUID(organisation)
database = BharatDatabase(EngineOptions(database_url))
fences = DatabaseFences(database)
locks = RedisLocks(RedisLockOptions(url=redis_url), fences)


def increment(unit: Unit) -> None:
    number = int(unit.scalar(sa.select(organisations.c.name).where(organisations.c.id == mine)))
    unit.execute(organisations.update().where(organisations.c.id == mine).values(name=str(number + 1)))


def increment_once() -> bool:
    if locked == "unlocked":
        with database.write(mine, SYSTEM) as unit:
            increment(unit)
        return True
    lease = locks.acquire("counter", ttl=timedelta(seconds=10), wait=timedelta(minutes=5))
    if lease is None:
        return False
    try:
        with database.write(mine, SYSTEM) as unit:
            fences.guard(unit, lease)
            increment(unit)
        return True
    except LeaseLost:
        return False
    finally:
        locks.release(lease)


done = 0
while done < int(times):
    done += increment_once()
