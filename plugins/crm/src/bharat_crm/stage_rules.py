"""What must hold of a stage: the deals in it were told its outcome and pipeline, so these stay while any deal is there."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.contracts.errors import Conflict
from bharat.contracts.records import Change
from bharat_crm.tables import deals, stages

_RELIED_ON = ("outcome", "pipeline_id")

_LOCKED = sa.select(stages.c.id).where(stages.c.id == sa.bindparam("stage", type_=sa.Uuid)).with_for_update()
_DEAL_IN_IT = sa.select(deals.c.id).where(deals.c.stage_id == sa.bindparam("stage", type_=sa.Uuid)).limit(1)


def keep_what_deals_rely_on(change: Change) -> None:
    """Raise `Conflict` when a stage with deals would get another outcome or pipeline."""
    if change.kind != "update" or change.before is None:
        return
    if all(change.after(name) == change.before[name] for name in _RELIED_ON):
        return
    change.unit.execute(_LOCKED, {"stage": change.id})
    if change.unit.scalar(_DEAL_IN_IT, {"stage": change.id}) is not None:
        raise Conflict(
            "There are deals in this stage: its outcome and pipeline can't be changed. Move the deals to another stage first."
        )
