"""The locks provider `database`: leases as rows, timed by the database's clock.

A lease is taken in three steps: the row first, then the fencing token, then the token is written to the row if it is still
ours. So a token is only ever issued to who holds the name, and those handed out rise in the order of acquisition.
"""

from __future__ import annotations

import random
import secrets
import time
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Database
from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, validate_lock
from bharat.contracts.platform import Clock, Fences
from bharat.contracts.principal import SYSTEM
from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

leases = platform_table(
    "leases",
    core_metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("fence", sa.BigInteger),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_leases_expires_at", "expires_at"),
    reason="A lock's name is the platform's: work of several organisations may share one.",
)

_POLL = timedelta(milliseconds=50)
_TURN = timedelta(milliseconds=500)
"""How long who does not want to wait for a lock waits for its turn to write all the same: a free lock is not called held because
somebody was writing another row just then."""
_FORGET_EVERY = 200
"""Acquisitions of a process between two sweeps of rows whose holders never came back."""


class DatabaseLocks:
    """See `bharat.contracts.locks.Locks`."""

    def __init__(self, database: Database, fences: Fences, clock: Clock) -> None:
        self._database = database
        self._fences = fences
        self._clock = clock
        self._acquired = 0
        now = database.now()
        self._held = database.prepare(
            sa.select(leases.c.name).where(leases.c.name == sa.bindparam("lock"), leases.c.expires_at > now)
        )
        self._own = sa.and_(
            leases.c.name == sa.bindparam("lock", type_=sa.String),
            leases.c.owner == sa.bindparam("holder", type_=sa.String),
            leases.c.expires_at > now,
        )

    def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
        validate_lock(name, ttl)
        deadline = self._clock.monotonic() + wait.total_seconds()
        while True:
            left = timedelta(seconds=deadline - self._clock.monotonic())
            try:
                lease = self._try(name, ttl, max(left, _TURN))
            except Unavailable:
                return None
            seconds = deadline - self._clock.monotonic()
            if lease is not None or seconds <= 0:
                return lease
            # Waiters that woke in step would meet again and again.
            time.sleep(min(seconds, _POLL.total_seconds() * (0.5 + random.random())))

    def renew(self, lease: Lease) -> None:
        statement = leases.update().where(self._own).values(expires_at=self._database.after(lease.ttl))
        try:
            with self._database.write(None, SYSTEM) as unit:
                renewed = unit.execute(statement, {"lock": lease.name, "holder": lease.owner}).rowcount == 1
        except Unavailable as error:
            raise LeaseUncertain(
                f"The lease {lease.name!r} could not be renewed: the database does not answer."
            ) from error
        if not renewed:
            raise LeaseLost(f"The lease {lease.name!r} expired or belongs to another owner.")

    def release(self, lease: Lease) -> bool:
        try:
            with self._database.write(None, SYSTEM) as unit:
                found = unit.execute(leases.delete().where(self._own), {"lock": lease.name, "holder": lease.owner})
                return found.rowcount == 1
        except Unavailable:
            # It ends by itself at its expiry.
            return False

    def close(self) -> None:
        """The database is the application's."""

    def _try(self, name: str, ttl: timedelta, wait: timedelta) -> Lease | None:
        # A held lock costs waiters a read, not a turn at SQLite's only writer.
        if self._database.read(None).scalar(self._held, {"lock": name}) is not None:
            return None
        owner = secrets.token_hex(16)
        if not self._take(name, owner, ttl, wait):
            return None
        try:
            fence = self._fences.issue(name, wait=wait)
        except Unavailable:
            self.release(Lease(name, owner, 0, ttl))
            raise
        lease = Lease(name, owner, fence, ttl)
        return lease if self._confirm(lease, wait) else None

    def _confirm(self, lease: Lease, wait: timedelta) -> bool:
        """Write the token to the row, and count the time from now; false when the row went to another before it came."""
        statement = (
            leases.update().where(self._own).values(fence=lease.fence, expires_at=self._database.after(lease.ttl))
        )
        with self._database.write(None, SYSTEM, wait=wait) as unit:
            return unit.execute(statement, {"lock": lease.name, "holder": lease.owner}).rowcount == 1

    def _take(self, name: str, owner: str, ttl: timedelta, wait: timedelta) -> bool:
        """Make the row ours unless another's lease on it is live."""
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        until = self._database.after(ttl)
        statement = (
            insert(leases)
            .values(name=name, owner=owner, fence=None, expires_at=until)
            .on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={"owner": owner, "fence": None, "expires_at": until},
                where=leases.c.expires_at <= self._database.now(),
            )
            .returning(leases.c.name)
        )
        self._acquired += 1
        with self._database.write(None, SYSTEM, wait=wait) as unit:
            taken = unit.scalar(statement) is not None
            if self._acquired % _FORGET_EVERY == 0:
                unit.execute(leases.delete().where(leases.c.expires_at < self._database.after(-timedelta(hours=1))))
        return taken
