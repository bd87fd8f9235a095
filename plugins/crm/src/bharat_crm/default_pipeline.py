"""The pipeline that an organisation begins with."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.principal import Principal
from bharat.records import Kit
from bharat_crm.pipelines import LOST, OPEN, WON
from bharat_crm.tables import pipelines

NAME = "Sales"
STAGES = (("Prospecting", OPEN, 10), ("Engaging", OPEN, 40), ("Won", WON, 100), ("Lost", LOST, 0))

_ANY = sa.select(pipelines.c.id).where(pipelines.c.deleted_at.is_(None)).limit(1)


def ensure_default_pipeline(kit: Kit, unit: Unit, principal: Principal | None) -> UUID | None:
    """Make the pipeline with its stages and return its id; `None`, changing nothing, when there is any pipeline."""
    if unit.scalar(_ANY) is not None:
        return None
    pipeline = kit.records("pipeline").writer.create(unit, principal, {"name": NAME, "is_default": True})
    for position, (name, outcome, probability) in enumerate(STAGES, 1):
        stage = {
            "name": name,
            "pipeline_id": str(pipeline["id"]),
            "position": position,
            "outcome": outcome,
            "probability": probability,
        }
        kit.records("stage").writer.create(unit, principal, stage)
    return UUID(str(pipeline["id"]))
