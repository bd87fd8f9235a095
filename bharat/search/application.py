"""What this room asks of an application."""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.application import Application
from bharat.records import Kit, Records


def searchable(kit: Kit) -> Sequence[Records]:
    """The record types with a field that is searched, in an order that stays the same: that of their names."""
    return sorted((one for one in kit.all if one.resource.searchable), key=lambda one: one.resource.name)


def uses_vectors(app: Application) -> bool:
    """Whether there is an index to keep and to ask."""
    return app.vectors.enabled and app.embeddings.enabled
