"""The limits provider `database`: counters and token buckets as rows, each use one upsert, shared by all nodes.

A refused use changes nothing: the upsert's condition leaves the row as it is, and a read tells how long to wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Database
from bharat.contracts.errors import Unavailable
from bharat.contracts.limits import (
    LimitsUnavailable,
    Verdict,
    validate_hits,
    validate_limit_key,
    validate_take,
)
from bharat.contracts.platform import Clock
from bharat.contracts.principal import SYSTEM
from bharat.data.sweeping import sweep
from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

_REASON = "Budgets are kept for addresses and senders, before anybody knows an organisation."

limit_counters = platform_table(
    "limit_counters",
    core_metadata,
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_limit_counters_expires_at", "expires_at"),
    reason=_REASON,
)

limit_buckets = platform_table(
    "limit_buckets",
    core_metadata,
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("tokens", sa.Double, nullable=False),
    # Seconds since 1970 by the database's clock: arithmetic with them is the same in both databases.
    sa.Column("filled_at", sa.Double, nullable=False),
    sa.Column("full_at", sa.Double, nullable=False),
    sa.Index("ix_limit_buckets_full_at", "full_at"),
    reason=_REASON,
)

_ROUNDING = 1e-6
"""Tokens that a sum of doubles may fall short by; who waited `retry_after` must not be refused for it."""
_NOTHING = timedelta(0)


class DatabaseLimits:
    """See `bharat.contracts.limits.Limits`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        if database.dialect == "postgresql":
            self._seconds: sa.ColumnElement[float] = sa.cast(sa.extract("epoch", database.now()), sa.Double)
        else:
            self._seconds = sa.bindparam(None, callable_=lambda: clock.now().timestamp(), type_=sa.Double, unique=True)
        self._counter = database.prepare(
            sa.select(
                limit_counters.c.count.label("hits"), limit_counters.c.expires_at, database.now().label("now")
            ).where(
                limit_counters.c.key == sa.bindparam("name", type_=sa.String),
                limit_counters.c.expires_at > database.now(),
            )
        )
        self._bucket = database.prepare(
            sa.select(limit_buckets.c.tokens, limit_buckets.c.filled_at, self._seconds.label("now")).where(
                limit_buckets.c.key == sa.bindparam("name", type_=sa.String)
            )
        )

    def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit, window)
        now, end = self._database.now(), self._database.after(window)
        over = limit_counters.c.expires_at <= now
        statement = (
            self._insert(limit_counters)
            .values(key=key, count=1, expires_at=end)
            .on_conflict_do_update(
                index_elements=[limit_counters.c.key],
                set_={
                    "count": sa.case((over, 1), else_=limit_counters.c.count + 1),
                    "expires_at": sa.case((over, end), else_=limit_counters.c.expires_at),
                },
                where=sa.or_(over, limit_counters.c.count < limit),
            )
            .returning(limit_counters.c.count)
        )
        with _translated():
            with self._database.write(None, SYSTEM) as unit:
                count = unit.scalar(statement)
            if count is not None:
                return Verdict(True, limit - count, _NOTHING)
            row = self._database.read(None).row(self._counter, {"name": key})
        # The window may have ended since: then the next hit is allowed at once.
        return Verdict(False, 0, row.expires_at - row.now if row is not None else timedelta(milliseconds=1))

    def peek(self, key: str, *, limit: int) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit)
        with _translated():
            row = self._database.read(None).row(self._counter, {"name": key})
        if row is None or row.hits < limit:
            return Verdict(True, limit - (row.hits if row is not None else 0), _NOTHING)
        return Verdict(False, 0, row.expires_at - row.now)

    def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
        validate_limit_key(key)
        validate_take(capacity, per_second, amount)
        now, table = self._seconds, limit_buckets.c
        passed = sa.case((now > table.filled_at, now - table.filled_at), else_=0.0)
        filled = table.tokens + passed * per_second
        available = sa.case((filled > capacity, float(capacity)), else_=filled)
        left = available - amount
        statement = (
            self._insert(limit_buckets)
            .values(key=key, tokens=float(capacity - amount), filled_at=now, full_at=now + amount / per_second)
            .on_conflict_do_update(
                index_elements=[table.key],
                set_={"tokens": left, "filled_at": now, "full_at": now + (capacity - left) / per_second},
                where=available >= amount - _ROUNDING,
            )
            .returning(table.tokens)
        )
        with _translated():
            with self._database.write(None, SYSTEM) as unit:
                tokens = unit.scalar(statement)
            if tokens is not None:
                return Verdict(True, int(max(tokens, 0) + _ROUNDING), _NOTHING)
            row = self._database.read(None).row(self._bucket, {"name": key})
        if row is None:
            return Verdict(False, 0, timedelta(milliseconds=1))
        has = min(float(capacity), row.tokens + max(0.0, row.now - row.filled_at) * per_second)
        # Rounded up: who waits this long is not refused for a microsecond.
        missing = timedelta(seconds=max(0.0, amount - has) / per_second) + timedelta(microseconds=1)
        return Verdict(False, int(has + _ROUNDING), missing)

    def give_back(self, key: str) -> None:
        validate_limit_key(key)
        table = limit_counters.c
        counted = (table.key == key, table.count > 0, table.expires_at > self._database.now())
        with _translated(), self._database.write(None, SYSTEM) as unit:
            unit.execute(limit_counters.update().where(*counted).values(count=table.count - 1))

    def reset(self, key: str) -> None:
        validate_limit_key(key)
        with _translated(), self._database.write(None, SYSTEM) as unit:
            for table in (limit_counters, limit_buckets):
                unit.execute(table.delete().where(table.c.key == key))

    def sweep(self) -> int:
        with _translated():
            counters = sweep(self._database, None, limit_counters, limit_counters.c.expires_at <= self._database.now())
            return counters + sweep(self._database, None, limit_buckets, limit_buckets.c.full_at <= self._seconds)

    def close(self) -> None:
        """The database is the application's."""


@contextmanager
def _translated() -> Iterator[Any]:
    try:
        yield
    except Unavailable as error:
        raise LimitsUnavailable("The store of limits, the database, does not answer.") from error
