"""Emitting: an event is a row of the outbox, written in the transaction of the change it tells of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.work import Event
from bharat.data.ids import new_id
from bharat.data.tenancy import TenancyError
from bharat.work.bell import Bell
from bharat.work.payload import checked
from bharat.work.tables import events

_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

TOPIC = "events"
emitted = Bell()
"""Rings in this process after each commit that emitted. A relay elsewhere finds the rows when it looks."""


def emit(unit: Unit, type: str, subject_type: str, subject_id: UUID | None, data: Mapping[str, Any]) -> UUID:
    """Write an event of the unit's organisation, to be published once the unit has committed; its id.

    `type` is like `deal.updated`, `subject_type` like `deal`. Events are published in the order in which the
    database wrote them, as far as their units have committed: those of one unit in the order of these calls. Raises `ValueError` for another form of type and for data that is not JSON."""
    if unit.organisation_id is None:
        raise TenancyError("an event belongs to an organisation: open the unit for one")
    if not _TYPE.fullmatch(type) or len(type) > 100:
        raise ValueError(f"{type[:100]!r} is not an event type: write it like 'deal.updated', up to 100 characters")
    event_id = new_id()
    actor = unit.actor
    unit.append(
        events,
        {
            "id": event_id,
            "type": type,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "data": checked(data, f"the data of the event {type!r}"),
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "request_id": actor.request_id,
            "occurred_at": unit.at,
        },
    )
    unit.on_commit(_ring)
    return event_id


def event_of(row: sa.Row[Any], number: int | None = None) -> Event:
    """A published event from its row; `number` is given where the row was read before it had one."""
    return Event(
        id=row.id,
        organisation_id=row.organisation_id,
        number=row.number if number is None else number,
        type=row.type,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        data=row.data,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        request_id=row.request_id,
        occurred_at=row.occurred_at,
    )


def _ring() -> None:
    emitted.ring(TOPIC)
