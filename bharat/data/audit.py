"""The audit trail: who changed what and when, written in the transaction of the change and never changed after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.data.ids import new_id
from bharat.data.tables import core_metadata, organisation_table
from bharat.data.types import Document, Instant

audit_entries = organisation_table(
    "audit_entries",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.Uuid),
    sa.Column("request_id", sa.String(64)),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject_type", sa.String(64), nullable=False),
    sa.Column("subject_id", sa.Uuid),
    sa.Column("changes", Document, nullable=False),
    sa.Index("ix_audit_entries_organisation", "organisation_id", "id"),
    sa.Index("ix_audit_entries_subject", "organisation_id", "subject_type", "subject_id", "id"),
    append_only=True,
)


def audit_row(
    unit: Unit,
    at: Any,
    action: str,
    subject_type: str,
    subject_id: UUID | None,
    changes: Mapping[str, Any],
) -> dict[str, Any]:
    """One entry, ready for `write_audit`. `changes` maps a field to `[before, after]` in JSON values, secrets left out."""
    return {
        "id": new_id(),
        "at": at,
        "actor_kind": unit.actor.kind.value,
        "actor_id": unit.actor.id,
        "request_id": unit.actor.request_id,
        "action": action,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "changes": dict(changes),
    }


def write_audit(unit: Unit, *rows: Mapping[str, Any]) -> None:
    """Append entries in the unit's transaction."""
    for row in rows:
        unit.append(audit_entries, row)
