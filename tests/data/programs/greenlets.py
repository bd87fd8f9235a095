"""Twenty greenlets read and write, and each yields inside its unit. Prints how many rows there are in the end."""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import sys
from uuid import UUID

import gevent
import psycopg.waiting
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.data.engine import EngineOptions
from tests.data.shop import customers

database = BharatDatabase(EngineOptions(sys.argv[1]))
organisation = UUID(sys.argv[2])
count = sa.select(sa.func.count()).select_from(customers)


def work() -> None:
    for _ in range(5):
        with database.write(organisation, SYSTEM) as unit:
            unit.execute(customers.insert(), {"id": new_id(), "name": "greenlet"})
            gevent.sleep(0.001)
        database.read(organisation).scalar(count)


assert psycopg.waiting.wait is not psycopg.waiting.wait_c
gevent.joinall([gevent.spawn(work) for _ in range(20)], timeout=30, raise_error=True)
sys.stdout.write(str(database.read(organisation).scalar(count)))
