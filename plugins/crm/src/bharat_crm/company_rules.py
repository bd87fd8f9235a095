"""What must hold among companies: a company is never above itself."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import Change
from bharat_crm.tables import companies

DEEPEST = 50
"""Levels of parents above a company. Deeper is a mistake, and each level costs a read."""

# The lock makes two changes that would close a ring together wait for each other.
_PARENT = (
    sa.select(companies.c.parent_id).where(companies.c.id == sa.bindparam("company", type_=sa.Uuid)).with_for_update()
)


def refuse_cycles(change: Change) -> None:
    """Raise `Invalid` when the new parent is the company itself or below it."""
    above = change.values.get("parent_id")
    if above is None or change.kind not in ("create", "update"):
        return
    for _ in range(DEEPEST):
        if above == change.id:
            raise _refusal("A company can't belong to itself, neither directly nor through others.")
        above = change.unit.scalar(_PARENT, {"company": above})
        if above is None:
            return
    raise _refusal(f"Companies may have at most {DEEPEST} levels of parents.")


def _refusal(reason: str) -> Invalid:
    return Invalid(reason, faults=[FieldFault("/parent_id", reason)])
