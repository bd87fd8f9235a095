"""The issuer of fencing tokens: counters in the database, so that they outlive every lock store.

A name's tokens must rise for ever, so a counter of its own could never be forgotten, and names may hold ids. So names share a fixed
number of counters: those of one name rise all the same, with gaps."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.data.tables import core_metadata, platform_table

fences = platform_table(
    "fences",
    core_metadata,
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    reason="A lock's name is the platform's; its tokens must rise across organisations and restarts.",
)

SLOTS = 4096
"""Counters. Two names that share one wait for each other only while a token is drawn. Another number would give names other
counters, whose tokens may be lower than those they have had."""


class DatabaseFences:
    """See `bharat.contracts.platform.Fences`. One upsert a token; the row lock makes concurrent callers queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        self._issue = (
            insert(fences)
            .values(slot=sa.bindparam("fence_slot"), token=1)
            .on_conflict_do_update(index_elements=[fences.c.slot], set_={"token": fences.c.token + 1})
            .returning(fences.c.token)
        )

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        with self._database.write(None, SYSTEM, wait=True if wait is None else wait) as unit:
            return int(unit.execute(self._issue, {"fence_slot": slot_of(name)}).scalar_one())


def slot_of(name: str) -> int:
    """The counter of a name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % SLOTS
