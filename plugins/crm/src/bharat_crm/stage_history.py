"""Which stages a deal went through, and when: a row for each move, written with the move."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.data import Instant, new_id, organisation_table

metadata = sa.MetaData()

stage_changes = organisation_table(
    "crm_stage_changes",
    metadata,
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("deal_id", sa.Uuid, nullable=False),
    sa.Column("from_stage_id", sa.Uuid),
    sa.Column("to_stage_id", sa.Uuid, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.Uuid),
    sa.PrimaryKeyConstraint("organisation_id", "id"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "deal_id"], ["crm_deals.organisation_id", "crm_deals.id"], name="fk_crm_stage_changes_deal"
    ),
    sa.ForeignKeyConstraint(
        ["organisation_id", "from_stage_id"],
        ["crm_stages.organisation_id", "crm_stages.id"],
        name="fk_crm_stage_changes_from_stage",
    ),
    sa.ForeignKeyConstraint(
        ["organisation_id", "to_stage_id"],
        ["crm_stages.organisation_id", "crm_stages.id"],
        name="fk_crm_stage_changes_to_stage",
    ),
    sa.Index("ix_crm_stage_changes_deal_id", "organisation_id", "deal_id", "id"),
    append_only=True,
)


def note_move(unit: Unit, deal: UUID, before: UUID | None, after: UUID) -> None:
    """Remember a move in the unit that makes it. `before` is `None` when the deal begins."""
    row = {
        "id": new_id(),
        "deal_id": deal,
        "from_stage_id": before,
        "to_stage_id": after,
        "at": unit.at,
        "actor_kind": unit.actor.kind.value,
        "actor_id": unit.actor.id,
    }
    unit.append(stage_changes, row)
