"""How a record becomes a point, and a point a hit: its id, and what is stored beside its vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from bharat.contracts.vectors import Neighbour, Place, Point, Scope

ORGANISATION, TYPE, RECORD, KEYS = "organisation", "type", "record", "keys"
INDEXED = (ORGANISATION, TYPE, KEYS)
"""What queries filter by."""


def point_id(place: Place | Point) -> str:
    """One id for organisation, type and record together: Qdrant knows a point by its id alone."""
    told = place.organisation_id.bytes + place.id.bytes + place.type.encode()
    # In the form of a UUID, which is what Qdrant takes; `uuid5` takes eight times as long, and this is done for every point.
    digits = blake2b(told, digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def payload_of(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = {ORGANISATION: str(point.organisation_id), TYPE: point.type, RECORD: str(point.id)}
    if point.keys:
        found[KEYS] = [str(key) for key in point.keys]
    return found


def place_of(payload: Mapping[str, Any]) -> Place:
    return Place(UUID(payload[ORGANISATION]), payload[TYPE], UUID(payload[RECORD]))


def neighbour_of(payload: Mapping[str, Any], score: float) -> Neighbour:
    return Neighbour(payload[TYPE], UUID(payload[RECORD]), score)


def reached_of(scopes: Sequence[Scope]) -> Sequence[Scope]:
    """Those that reach anything: no point has one of no keys."""
    return [scope for scope in scopes if scope.keys is None or scope.keys]
