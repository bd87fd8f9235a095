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
"""Levels of parents above a company. Deeper is a mistake, and each level costs a read."""

_PARENT = sa.select(companies.c.parent_id).where(companies.c.id == sa.bindparam("company", type_=sa.Uuid))
# FOR NO KEY UPDATE: others may go on referring to the company.
_HELD = _PARENT.with_for_update(key_share=True)


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
    for _ in range(DEEPEST):
        if above == change.id:
            raise _refusal("A company can't belong to itself, neither directly nor through others.")
        above = change.unit.scalar(_PARENT, {"company": above})
        if above is None:
            return
    raise _refusal(f"Companies may have at most {DEEPEST} levels of parents.")


def take_turn(unit: Unit) -> None:
    """Of an organisation's transactions that move companies, one goes on at a time, until it ends: two moves that would
    close a ring together see each other."""
    unit.execute(_TURN, {"number": _number(unit.organisation_id)})


def _number(organisation_id: UUID | None) -> int:
    found = hashlib.sha256(f"bharat_crm.companies.parent_id {organisation_id}".encode()).digest()
    return int.from_bytes(found[:8], "big", signed=True)


def _refusal(reason: str) -> Invalid:
    return Invalid(reason, faults=[FieldFault("/parent_id", reason)])
