"""What must hold of a deal: its stage belongs to its pipeline, and the stage says whether it is open, won or lost."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import Change
from bharat_crm.pipelines import OPEN
from bharat_crm.stage_history import note_move
from bharat_crm.tables import pipelines, stages

# The lock keeps the stage's outcome as it is until the deal is written (`stage_rules` takes the other one).
_STAGE = (
    sa.select(stages.c.id, stages.c.pipeline_id, stages.c.outcome)
    .where(stages.c.id == sa.bindparam("stage", type_=sa.Uuid))
    .with_for_update(read=True)
)
_FIRST_OPEN = (
    sa.select(stages.c.id, stages.c.pipeline_id, stages.c.outcome)
    .where(
        stages.c.pipeline_id == sa.bindparam("pipeline", type_=sa.Uuid),
        stages.c.outcome == OPEN,
        stages.c.deleted_at.is_(None),
    )
    .order_by(stages.c.position, stages.c.id)
    .limit(1)
)
# The lock keeps it from its deletion too: nobody named this stage, so `Lookups` has not held it.
_FIRST_STAGE = _FIRST_OPEN.with_for_update(read=True)
_DEFAULT_PIPELINE = (
    sa.select(pipelines.c.id)
    .where(pipelines.c.deleted_at.is_(None))
    .order_by(pipelines.c.is_default.desc(), pipelines.c.position, pipelines.c.id)
    .limit(1)
)


def follow_the_stage(change: Change) -> None:
    """Before a deal is written: complete pipeline and stage, check that they fit, and derive `status` and `closed_on`.

    Entering a won or lost stage sets `closed_on` to today (UTC) unless one is given; going back to an open stage clears it.
    Raises `Invalid`."""
    if change.kind not in ("create", "update"):
        return
    moved = change.kind == "create" or bool({"stage_id", "pipeline_id", "closed_on"} & change.values.keys())
    if not moved:
        return
    stage = _stage_of(change)
    change.values["stage_id"] = stage.id
    change.values["pipeline_id"] = stage.pipeline_id
    change.values["status"] = stage.outcome
    closed_on = change.after("closed_on")
    was_open = change.before is None or change.before["status"] == OPEN
    if stage.outcome == OPEN:
        if change.values.get("closed_on") is not None:
            _refuse("closed_on", "An open deal has no closing date: move it to a stage that is won or lost.")
        change.values["closed_on"] = None
    elif closed_on is None:
        # Closed deals keep the date they have: only a move to an open stage takes it away.
        change.values["closed_on"] = (
            change.unit.at.date() if was_open or change.before is None else change.before["closed_on"]
        )


def remember_the_stage(change: Change) -> None:
    """After a deal was written: note its move in the history."""
    before = change.before["stage_id"] if change.before is not None else None
    after = change.after("stage_id")
    if change.kind in ("create", "update") and after != before:
        note_move(change.unit, change.id, before, after)


def _stage_of(change: Change) -> sa.Row[Any]:
    """The stage that the deal will be in."""
    stage_id, pipeline_id = change.after("stage_id"), change.after("pipeline_id")
    leaves_pipeline = (
        change.before is not None
        and "stage_id" not in change.values
        and change.values.get("pipeline_id") not in (None, change.before["pipeline_id"])
    )
    if stage_id is None or leaves_pipeline:
        if change.before is not None and not leaves_pipeline:
            _refuse("stage_id", "A deal is always in a stage.")
        return _first_stage(change, pipeline_id)
    stage = change.unit.row(_STAGE, {"stage": stage_id})
    if stage is None:
        _refuse("stage_id", "There is no such stage.")
    if change.values.get("pipeline_id") not in (None, stage.pipeline_id):
        _refuse("stage_id", "The stage belongs to another pipeline.")
    return stage


def _first_stage(change: Change, pipeline_id: UUID | None) -> sa.Row[Any]:
    chosen = pipeline_id or change.unit.scalar(_DEFAULT_PIPELINE)
    if chosen is None:
        _refuse("pipeline_id", "There is no pipeline yet: make one with its stages, or run `bharat pipeline init`.")
    # On PostgreSQL a stage that was being deleted or closed when it was chosen is waited for and then passed over: nothing
    # comes out, though another may be open. `execute`, because an import answers the same read from memory.
    wanted = {"pipeline": chosen}
    stage = change.unit.row(_FIRST_STAGE, wanted) or change.unit.execute(_FIRST_STAGE, wanted).first()
    if stage is None:
        _refuse("pipeline_id", "The pipeline has no open stage: add one, or name the stage.")
    return stage


def _refuse(field: str, reason: str) -> NoReturn:
    raise Invalid(reason, faults=[FieldFault(f"/{field}", reason)])
