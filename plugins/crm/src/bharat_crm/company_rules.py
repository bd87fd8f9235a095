"""What must hold among companies: a company is never above itself."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from bharat.contracts.database import Unit
from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import Change
from bharat_crm.tables import companies

DEEPEST = 50
"""Levels of parents above a company. Deeper is a mistake."""

_COMPANY = sa.bindparam("company", type_=sa.Uuid)
# FOR NO KEY UPDATE: others may go on referring to the company.
_HELD = sa.select(companies.c.id).where(companies.c.id == _COMPANY).with_for_update(key_share=True)


def _upwards() -> sa.Select[Any]:
    """A company and those above it; one more than are allowed, so that too many are noticed."""
    start = sa.select(companies.c.id, companies.c.parent_id, sa.literal(1).label("level"))
    above = start.where(companies.c.id == _COMPANY).cte("above", recursive=True)
    parent = companies.alias("parent")
    step = sa.select(parent.c.id, parent.c.parent_id, above.c.level + 1).join(above, parent.c.id == above.c.parent_id)
    return sa.select(above.union_all(step.where(above.c.level <= DEEPEST)).c.id)


def _downwards() -> sa.Select[Any]:
    """A company that is more than `room` levels below this one, if there is any."""
    room = sa.bindparam("room", type_=sa.Integer)
    start = sa.select(companies.c.id, sa.literal(1).label("level"))
    below = start.where(companies.c.parent_id == _COMPANY).cte("below", recursive=True)
    child = companies.alias("child")
    step = sa.select(child.c.id, below.c.level + 1).join(below, child.c.parent_id == below.c.id)
    found = below.union_all(step.where(below.c.level <= room))
    return sa.select(found.c.id).where(found.c.level > room).limit(1)


_ABOVE = _upwards()
_TOO_FAR_BELOW = _downwards()


class _Turn(FunctionElement[Any]):
    """Waits on PostgreSQL until no other transaction has this number; SQLite has one writer and no turns to take."""

    type = sa.Text()
    inherit_cache = True


@compiles(_Turn)
def _no_turn(element: _Turn, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.clauses, **more)


@compiles(_Turn, "postgresql")
def _locked_turn(element: _Turn, compiler: SQLCompiler, **more: Any) -> str:
    return f"pg_advisory_xact_lock({compiler.process(element.clauses, **more)})"


_TURN = sa.select(_Turn(sa.bindparam("number", type_=sa.BigInteger)))


def refuse_cycles(change: Change) -> None:
    """Raise `Invalid` when the new parent is the company itself or below it."""
    above = change.values.get("parent_id")
    if above is None or change.kind not in ("create", "update"):
        return
    if change.kind == "update":
        # The company first, then the turn, for everybody: who has the turn then waits for nobody's company. Parents are only
        # read: what was moved before this turn is committed, and nothing moves during it. Nobody is below a new company.
        change.unit.execute(_HELD, {"company": change.id})
        take_turn(change.unit)
    levels = [row.id for row in change.unit.rows(_ABOVE, {"company": above})]
    if change.id in levels:
        raise _refusal("A company can't belong to itself, neither directly nor through others.")
    if len(levels) > DEEPEST or (change.kind == "update" and _too_deep_below(change, DEEPEST - len(levels))):
        raise _refusal(f"Companies may have at most {DEEPEST} levels of parents.")


def _too_deep_below(change: Change, room: int) -> bool:
    """Whether those below the company would get too many levels of parents where it moves to. Nobody is below a new one."""
    return change.unit.scalar(_TOO_FAR_BELOW, {"company": change.id, "room": room}) is not None


def take_turn(unit: Unit) -> None:
    """Of an organisation's transactions that move companies, one goes on at a time, until it ends: two moves that would
    close a ring together see each other."""
    unit.execute(_TURN, {"number": _number(unit.organisation_id)})


def _number(organisation_id: UUID | None) -> int:
    found = hashlib.sha256(f"bharat_crm.companies.parent_id {organisation_id}".encode()).digest()
    return int.from_bytes(found[:8], "big", signed=True)


def _refusal(reason: str) -> Invalid:
    return Invalid(reason, faults=[FieldFault("/parent_id", reason)])
