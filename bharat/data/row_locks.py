"""Holding rows until a unit of work ends (PostgreSQL's manual, "Explicit Locking"); SQLite has one writer and needs none."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

Lock = Literal["change", "delete"]


def locked(statement: sa.Select[Any], lock: Lock | None) -> sa.Select[Any]:
    """The statement with its rows held for what is to be done with them.

    Who only changes a row must not hold up those who refer to it, by a foreign key or `Lookups`: they may hold what the
    changer waits for next, and the two would wait in a ring. Who deletes it waits for them, and they wait for the deletion."""
    return statement if lock is None else statement.with_for_update(key_share=lock == "change")
