"""The issuer of fencing tokens, and the guard that holds writes to them: both in the database, so that they outlive every lock store.

A name's tokens must rise for ever, so a counter of its own could never be forgotten, and names may hold ids. So names share a fixed
number of counters: those of one name rise all the same, with gaps. Beside it the newest token of each name is noted, for the guard;
that note may be forgotten, because a lease of which nothing is known is taken for lost."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Unit
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data.beginning import patience_row
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


class DatabaseFences:
    """See `bharat.contracts.platform.Fences`. A row lock makes concurrent callers queue."""

    def __init__(self, database: BharatDatabase) -> None:
        self._database = database
        self._issued = 0
        self._at_once = _at_once(database)
        self._draw = _draw(sqlite.insert(fences).values(slot=_SLOT, token=1))
        note = sqlite.insert(newest_fences).values(name=_NAME, token=_TOKEN, issued_at=database.now())
        self._note = _note(note)
        self._newest = sa.select(newest_fences.c.token).where(newest_fences.c.name == _NAME).with_for_update(read=True)

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        if self._database.dialect == "postgresql":
            parameters = {"fence_slot": slot_of(name), "fence_name": name}
            token = int(self._database.run_alone(self._at_once, parameters, wait)[0][0])
        else:
            with self._database.write(None, SYSTEM, wait=True if wait is None else wait) as unit:
                token = int(unit.scalar(self._draw, {"fence_slot": slot_of(name)}))
                unit.execute(self._note, {"fence_name": name, "fence_token": token})
        self._issued += 1
        if self._issued % _FORGET_EVERY == 0:
            self.sweep()
        return token

    def guard(self, unit: Unit, lease: Lease) -> None:
        # The row is held until the unit ends, and issuing the next token changes it.
        if unit.scalar(self._newest, {"fence_name": lease.name}) != lease.fence:
            raise LeaseLost(f"The lease {lease.name!r} was lost to another owner; nothing was written.")

    def sweep(self) -> int:
        """Forget the newest tokens of names that nobody has locked for long; how many."""
        return sweep(self._database, None, newest_fences, newest_fences.c.issued_at < self._database.after(-KEPT))


_SLOT = sa.bindparam("fence_slot", type_=sa.Integer)
_NAME = sa.bindparam("fence_name", type_=sa.String)
_TOKEN = sa.bindparam("fence_token", type_=sa.BigInteger)


def _at_once(database: BharatDatabase) -> sa.Executable:
    """Draws a token and notes it, in one statement of PostgreSQL, whose round trip begins and commits its transaction too.

    The parts of such a statement run in an order of PostgreSQL's choosing but for what one takes from another (its manual,
    "Data-Modifying Statements in WITH"): so the draw takes its row from the patience, and the note takes the token from the draw.
    Its slot is locked by then and until the commit, so that notes come in the order of the tokens."""
    patience = patience_row()
    row = sa.select(_SLOT, sa.literal(1, sa.BigInteger)).where(patience.c.value.is_not(None))
    drawn = _draw(postgresql.insert(fences).from_select(["slot", "token"], row)).cte("drawn")
    token = sa.select(_NAME, drawn.c.token, database.now())
    note = postgresql.insert(newest_fences).from_select(["name", "token", "issued_at"], token)
    return _note(note).returning(newest_fences.c.token)


def _draw(insert: Any) -> Any:
    changed = insert.on_conflict_do_update(index_elements=[fences.c.slot], set_={"token": fences.c.token + 1})
    return changed.returning(fences.c.token)


def _note(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[newest_fences.c.name],
        set_={"token": insert.excluded.token, "issued_at": insert.excluded.issued_at},
    )


def slot_of(name: str) -> int:
    """The counter of a name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % SLOTS
