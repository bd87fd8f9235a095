"""The issuer of fencing tokens, and the guard that holds writes to them: both in the database, so that they outlive every lock store.

A name's tokens must rise for ever, so a counter of its own could never be forgotten, and names may hold ids. So names share a fixed
number of counters: those of one name rise all the same, with gaps. Beside it the newest token of each name is noted, for the guard;
that note may be forgotten, because a lease of which nothing is known is taken for lost."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from bharat.contracts.database import Unit
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data.beginning import patience_of
from bharat.data.database import BharatDatabase
from bharat.data.sweeping import sweep
from bharat.data.tables import core_metadata, platform_table
from bharat.data.types import Instant

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
    sa.Column("issued_at", Instant, nullable=False),
    sa.Index("ix_newest_fences_issued_at", "issued_at"),
    reason="A lock's name is the platform's: work of several organisations may share one.",
)

SLOTS = 4096
"""Counters. Two names that share one wait for each other only while a token is drawn. Another number would give names other
counters, whose tokens may be lower than those they have had."""
KEPT = timedelta(days=30)
"""How long the newest token of a name is known."""
_FORGET_EVERY = 500
"""Tokens that a process issues between two sweeps of those that were issued longer ago."""


_AT_ONCE = """
WITH patience AS MATERIALIZED (
  SELECT set_config('lock_timeout', coalesce(%(patience)s::text, current_setting('lock_timeout')), true) AS setting
), drawn AS (
  INSERT INTO fences AS slots (slot, token) SELECT %(slot)s::integer, 1 FROM patience WHERE setting IS NOT NULL
  ON CONFLICT (slot) DO UPDATE SET token = slots.token + 1 RETURNING slots.token
)
INSERT INTO newest_fences (name, token, issued_at)
SELECT %(name)s::varchar, drawn.token, statement_timestamp() + %(shift)s FROM drawn
ON CONFLICT (name) DO UPDATE SET token = excluded.token, issued_at = excluded.issued_at
RETURNING token
"""
"""Draws a token and notes it in one statement of PostgreSQL, which is a transaction by itself: one round trip.

Such a statement's parts run in an order of PostgreSQL's choosing, but for what one takes from another (its manual,
"Data-Modifying Statements in WITH"). So the draw takes its row from the patience, without which it might wait for ever; and the note
takes its token from the draw. The slot is locked by then and until the commit, so that notes come in the order of the tokens.

The commit waits for the disk, and must: a sequence, whose values need no flush of their own, gives those that another's unfinished
transaction has reserved, and after a crash gives them again (its manual, "Sequence Manipulation Functions")."""


class DatabaseFences:
    """See `bharat.contracts.platform.Fences`. A row lock makes concurrent callers queue."""

    def __init__(self, database: BharatDatabase) -> None:
        self._database = database
        self._issued = 0
        self._newest = (
            sa.select(newest_fences.c.token)
            .where(newest_fences.c.name == sa.bindparam("fence_name", type_=sa.String))
            .with_for_update(read=True)
        )
        # What SQLite runs in place of `_AT_ONCE`: it knows no such statements, and has no round trips to save.
        self._draw = (
            sqlite.insert(fences)
            .values(slot=sa.bindparam("fence_slot", type_=sa.Integer), token=1)
            .on_conflict_do_update(index_elements=[fences.c.slot], set_={"token": fences.c.token + 1})
            .returning(fences.c.token)
        )
        note = sqlite.insert(newest_fences).values(
            name=sa.bindparam("fence_name", type_=sa.String),
            token=sa.bindparam("fence_token", type_=sa.BigInteger),
            issued_at=database.now(),
        )
        self._note = note.on_conflict_do_update(
            index_elements=[newest_fences.c.name],
            set_={"token": note.excluded.token, "issued_at": note.excluded.issued_at},
        )

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        token = self._at_once(name, wait) if self._database.dialect == "postgresql" else self._in_a_unit(name, wait)
        self._issued += 1
        if self._issued % _FORGET_EVERY == 0:
            self.sweep()
        return token

    def _at_once(self, name: str, wait: timedelta | None) -> int:
        patience = None if wait is None else patience_of(wait)
        parameters = {"slot": slot_of(name), "name": name, "patience": patience, "shift": self._database.clock.offset}
        # Carried out twice, where the connection was lost, it leaves a gap.
        return int(self._database.run_alone(_AT_ONCE, parameters)[0][0])

    def _in_a_unit(self, name: str, wait: timedelta | None) -> int:
        with self._database.write(None, SYSTEM, wait=True if wait is None else wait) as unit:
            token = int(unit.scalar(self._draw, {"fence_slot": slot_of(name)}))
            unit.execute(self._note, {"fence_name": name, "fence_token": token})
        return token

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
