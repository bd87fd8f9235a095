"""Uses the database, forks while a thread is in the middle of a unit, and uses it on both sides. Prints what each saw."""

import json
import os
import sys
import threading
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.errors import ConfigError
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, engine, new_id
from bharat.data.engine import EngineOptions
from tests.data.shop import customers

database = BharatDatabase(EngineOptions(sys.argv[1]))
organisation = UUID(sys.argv[2])


def connection_id() -> str:
    one = sa.func.pg_backend_pid() if database.dialect == "postgresql" else sa.literal("a file")
    return str(database.read(None).scalar(sa.select(one)))


def write(name: str) -> None:
    with database.write(organisation, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": name})


write("before")
with database.engine.connect():
    mine = [connection_id()]
mine += {connection_id()} - set(mine)  # the pool holds two: one for the thread below, one that the child would inherit
if "unprotected" in sys.argv:
    engine._engines.clear()
inside, finish = threading.Event(), threading.Event()


def hold() -> None:
    with database.write(organisation, SYSTEM):
        inside.set()
        finish.wait(30)


holder = threading.Thread(target=hold)
holder.start()
inside.wait(30)
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    try:
        os.write(writing, json.dumps({"connection": connection_id()}).encode())
        write("child")
    except ConfigError as error:
        os.write(writing, json.dumps({"connection": str(error)}).encode())
    finally:
        os._exit(0)
seen = json.loads(os.read(reading, 1000))
finish.set()
holder.join()
_, status = os.waitpid(child, 0)
write("after")
names = [row.name for row in database.read(organisation).rows(sa.select(customers.c.name).order_by(customers.c.name))]
sys.stdout.write(
    json.dumps({"mine": mine, "again": connection_id(), "childs": seen["connection"], "status": status, "names": names})
)
