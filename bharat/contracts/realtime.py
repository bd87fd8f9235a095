"""Capability `realtime`: pushing to connected clients. A push is a hint; the numbered event in the database is the record."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID


class Realtime(Protocol):
    """Rooms of connected clients. `enabled` is false for the provider `off`, whose methods do nothing."""

    @property
    def enabled(self) -> bool: ...

    def emit(self, room: str, event: str, payload: dict[str, Any]) -> None:
        """Send to everyone in `room`, on every node. Never raises for its backend, and never blocks for more than a second."""
        ...

    def disconnect(self, organisation_id: UUID, user_id: UUID) -> None:
        """Close all of the user's connections, on every node."""
        ...

    def close(self) -> None:
        """Close the connections of clients, and those to the backend. Idempotent, and fails for no backend."""
        ...
