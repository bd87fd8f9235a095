"""One change of a user, team, key or invitation: its audit entry and, where others may care, its event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tables import api_keys
from bharat.contracts.database import Unit
from bharat.contracts.principal import ActorKind
from bharat.data.audit import audit_row, write_audit
from bharat.work import emit

EVENTFUL = frozenset({"user", "team"})
"""Whose changes are published: what records refer to."""


def note(
    unit: Unit,
    action: str,
    subject_type: str,
    subject_id: UUID | None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
) -> None:
    """Write the audit entry `<subject_type>.<action>` in the unit. `changes` maps fields to before and after; no secret may be
    among them."""
    told = {field: [_plain(before), _plain(after)] for field, (before, after) in (changes or {}).items()}
    name = f"{subject_type}.{action}"
    write_audit(unit, audit_row(unit, unit.at, name, subject_type, subject_id, told))
    if subject_type in EVENTFUL and subject_id is not None and action in ("created", "updated", "deleted"):
        # What changed, not to what: whoever may see it reads it.
        emit(unit, name, subject_type, subject_id, {"changed": sorted(told)})


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields whose values differ."""
    return {field: (before[field], value) for field, value in after.items() if before[field] != value}


def author_of(unit: Unit) -> UUID | None:
    """The user whom the rows of this unit name as theirs: who acts, or whose API key does; `None` for the system."""
    actor = unit.actor
    if actor.kind is ActorKind.API_KEY:
        found: UUID | None = unit.scalar(sa.select(api_keys.c.user_id).where(api_keys.c.id == actor.id))
        return found
    return actor.id if actor.kind is ActorKind.USER else None


def _plain(value: Any) -> Any:
    """As a JSON value."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return value
