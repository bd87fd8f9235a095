"""How a record becomes a point: its id, and what is stored beside its vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from bharat.contracts.vectors import Place, Point

ORGANISATION, TYPE, RECORD, KEYS = "organisation", "type", "record", "keys"
INDEXED = (ORGANISATION, TYPE, KEYS)
"""What queries filter by."""

_SPACE = UUID("5d1c0e1b-6a0f-5f6e-9d8b-3f3a5d0c7b11")


def point_id(place: Place | Point) -> str:
    """One id for organisation, type and record together: Qdrant knows a point by its id alone."""
    return str(uuid5(_SPACE, f"{place.organisation_id.hex}{place.id.hex}{place.type}"))


def payload_of(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = {ORGANISATION: str(point.organisation_id), TYPE: point.type, RECORD: str(point.id)}
    if point.keys:
        found[KEYS] = [str(key) for key in point.keys]
    return found


def place_of(payload: Mapping[str, Any]) -> Place:
    return Place(UUID(payload[ORGANISATION]), payload[TYPE], UUID(payload[RECORD]))
