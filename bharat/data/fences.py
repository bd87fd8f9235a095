"""The issuer of fencing tokens, and the guard that holds writes to them: both in the database, so that they outlive every lock store.

A name's tokens must rise for ever, and a counter that does must be on the disk before its value is given out. A flush for each token
would be half of the time that a lease takes (measured), so tokens are reserved by the block, and given out from the note of the name's
newest token, which the guard needs anyway. In PostgreSQL that note is an UNLOGGED table: its commits wait for no disk, and a crash or a
fail-over leaves it empty, whole (its manual, "CREATE TABLE"). Then a new block is reserved, above all that were. A lease of which
nothing is known is taken for lost, so notes may be forgotten; and a crash of the database ends all leases.

A block begins at the clock's microseconds, or where the counter's last one ended if that is later, and is used for an hour. So tokens
rise as well where a reservation is lost: with the last commits that a standby had not got or that SQLite had not synced, or in a
database that was restored from a copy, both older than an hour or emptied of the notes. A clock that was set back by more than the
time such a thing takes would break that, and nothing else.

Reserving needs a counter that is never forgotten, and names may hold ids. So names share a fixed number of counters."""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data.beginning import patience_of
from bharat.data.database import BharatDatabase
from bharat.data.sweeping import sweep
from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

log = logging.getLogger(__name__)

fences = platform_table(
    "fences",
    core_metadata,
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    reason="A lock's name is the platform's; its tokens must rise across organisations and restarts.",
)

newest_fences = platform_table(
    "newest_fences",
    core_metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("reserved_to", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("issued_at", Instant, nullable=False),
    reason="A lock's name is the platform's: work of several organisations may share one.",
)

SLOTS = 4096
"""Counters. Two names that share one wait for each other only while a block is reserved, which a guarded write of one may hold up. Another
number would give names other counters, whose blocks may be below those they have had."""
BLOCK = 1000
"""Tokens that are reserved at one time. What is left of them is never given out."""
_USED = timedelta(hours=1)
"""How long after its last token a block gives out another."""
KEPT = timedelta(days=30)
"""How long the newest token of a name is known."""
_SWEEP_EVERY = timedelta(hours=1)
"""How often a process that issues tokens forgets those that were issued longer ago. There is no index to find them by: every token would
have to keep it up (PostgreSQL manual, "Heap-Only Tuples")."""


_NEXT = """
WITH patience AS MATERIALIZED (
  SELECT set_config('lock_timeout', coalesce(%(patience)s::text, current_setting('lock_timeout')), true) AS setting
)
UPDATE newest_fences AS newest SET token = newest.token + 1, issued_at = statement_timestamp() + %(shift)s
FROM patience WHERE patience.setting IS NOT NULL AND newest.name = %(name)s AND newest.token < newest.reserved_to
  AND newest.issued_at > statement_timestamp() + %(shift)s - %(used)s
RETURNING newest.token
"""
"""Gives out the next token of a block in one statement of PostgreSQL, which is a transaction by itself: one round trip and no flush.
The row is taken from the patience, without which its lock might be waited for for ever."""

_ON_THE_DISK = sa.select(sa.func.set_config("synchronous_commit", "on", True)).where(
    sa.func.current_setting("synchronous_commit").not_in(["on", "remote_apply"])
)
"""A reservation is on the disk, and on that of a synchronous standby, before anybody sees it, whatever somebody set to make other
commits quicker."""


class DatabaseFences:
    """See `bharat.contracts.platform.Fences`. A row lock makes concurrent callers queue."""

    def __init__(self, database: BharatDatabase) -> None:
        self._database = database
        self._swept = time.monotonic()
        self._newest = (
            sa.select(newest_fences.c.token)
            .where(newest_fences.c.name == sa.bindparam("fence_name", type_=sa.String))
            .with_for_update(read=True)
        )
        self._next = (
            newest_fences.update()
            .where(
                newest_fences.c.name == sa.bindparam("fence_name", type_=sa.String),
                newest_fences.c.token < newest_fences.c.reserved_to,
                newest_fences.c.issued_at > database.after(-_USED),
            )
            .values(token=newest_fences.c.token + 1, issued_at=database.now())
            .returning(newest_fences.c.token)
        )
        insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        now = sa.bindparam("fence_now", type_=sa.BigInteger)
        later = sa.case((fences.c.token > now, fences.c.token), else_=now)
        self._reserve = (
            insert(fences)
            .values(slot=sa.bindparam("fence_slot", type_=sa.Integer), token=now + BLOCK)
            .on_conflict_do_update(index_elements=[fences.c.slot], set_={"token": later + BLOCK})
            .returning(fences.c.token)
        )
        note = insert(newest_fences).values(
            name=sa.bindparam("fence_name", type_=sa.String),
            token=sa.bindparam("fence_token", type_=sa.BigInteger),
            reserved_to=sa.bindparam("fence_reserved_to", type_=sa.BigInteger),
            issued_at=database.now(),
        )
        self._note = note.on_conflict_do_update(
            index_elements=[newest_fences.c.name],
            set_={column: note.excluded[column] for column in ("token", "reserved_to", "issued_at")},
        )

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        token = self._of_its_block(name, wait)
        if token is None:
            token = self._of_a_new_block(name, wait)
        if time.monotonic() - self._swept > _SWEEP_EVERY.total_seconds():
            self._swept = time.monotonic()
            try:
                self.sweep()
            except Unavailable:
                log.warning("the newest tokens of old leases could not be forgotten; the next time is in an hour")
        return token

    def _of_its_block(self, name: str, wait: timedelta | None) -> int | None:
        """None when it has none, or has used it up. SQLite has no round trips to save, and looks for it in the unit that may reserve."""
        if self._database.dialect != "postgresql":
            return None
        patience = None if wait is None else patience_of(wait)
        # Carried out twice, where the connection was lost, it leaves a gap.
        parameters = {"name": name, "patience": patience, "shift": self._database.clock.offset, "used": _USED}
        rows = self._database.run_alone(_NEXT, parameters)
        return int(rows[0][0]) if rows else None

    def _of_a_new_block(self, name: str, wait: timedelta | None) -> int:
        """Reservation and note are of one transaction, and the counter stays locked until its end: notes come in the order of blocks."""
        with self._database.write(None, SYSTEM, wait=True if wait is None else wait) as unit:
            token = unit.scalar(self._next, {"fence_name": name})
            if token is None:
                if self._database.dialect == "postgresql":
                    unit.execute(_ON_THE_DISK)
                now = int(unit.at.timestamp()) * 1_000_000 + unit.at.microsecond
                reserved_to = int(unit.scalar(self._reserve, {"fence_slot": slot_of(name), "fence_now": now}))
                token = reserved_to - BLOCK + 1
                unit.execute(self._note, {"fence_name": name, "fence_token": token, "fence_reserved_to": reserved_to})
        return int(token)

    def guard(self, unit: Unit, lease: Lease) -> None:
        # The row is held until the unit ends, and issuing the next token changes it.
        if unit.scalar(self._newest, {"fence_name": lease.name}) != lease.fence:
            raise LeaseLost(f"The lease {lease.name!r} was lost to another owner; nothing was written.")

    def sweep(self) -> int:
        """Forget the newest tokens of names that nobody has locked for long; how many."""
        return sweep(self._database, None, newest_fences, newest_fences.c.issued_at < self._database.after(-KEPT))


def slot_of(name: str) -> int:
    """The counter of a name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % SLOTS
