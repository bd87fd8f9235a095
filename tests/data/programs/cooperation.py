"""What greenlets do to one another's connections. Prints a JSON object."""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import json
import sys
from typing import Any
from uuid import UUID

import gevent
import psycopg
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.cooperative import CooperativeConnection
from bharat.data.engine import EngineOptions, parse_url

database = BharatDatabase(EngineOptions(sys.argv[1], pool_size=2))
organisation = UUID(sys.argv[2])
address = parse_url(sys.argv[1]).set(drivername="postgresql").render_as_string(hide_password=False)
seen: dict[str, Any] = {}


def connect() -> CooperativeConnection:
    return CooperativeConnection.connect(address, autocommit=True)


def outcome(work: "gevent.Greenlet[..., Any]") -> str:
    return type(work.exception).__name__ if work.exception else "ended"


# One waits for a lock that the other gives back only later: they would both stand still if a wait held the thread.
holder, waiter = connect(), connect()
holder.execute("SELECT pg_advisory_lock(1)")
waiting = gevent.spawn(waiter.execute, "SELECT pg_advisory_lock(1)")
waiting.join(0.2)
seen["waits"] = not waiting.dead
holder.execute("SELECT pg_advisory_unlock(1)")
waiting.join(10)
seen["gets the lock"] = outcome(waiting)

# Another greenlet closes the connection, the server ends it.
sleeping = gevent.spawn(waiter.execute, "SELECT pg_sleep(60)")
gevent.sleep(0.2)
waiter.close()
sleeping.join(10)
seen["closed"] = outcome(sleeping)
victim = connect()
sleeping = gevent.spawn(victim.execute, "SELECT pg_sleep(60)")
gevent.sleep(0.2)
holder.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
sleeping.join(10)
seen["terminated"] = outcome(sleeping)

# A time-out inside a statement, more often than the pool has connections.
for _ in range(4):
    try:
        with gevent.Timeout(0.1), database.write(organisation, SYSTEM) as unit:
            unit.execute(sa.select(sa.func.pg_sleep(60)))
    except gevent.Timeout:
        continue
seen["after time-outs"] = database.read(organisation).scalar(sa.select(sa.literal(1)))
seen["class"] = type(database.engine.raw_connection().driver_connection).__name__
assert issubclass(CooperativeConnection, psycopg.Connection)
sys.stdout.write(json.dumps(seen))
