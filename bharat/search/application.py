"""The application as this room needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from bharat.contracts.application import Application
from bharat.records import Kit, Records


class Searched(Application, Protocol):
    """An application with record types."""

    @property
    def records(self) -> Kit: ...


def searched(app: Application) -> Searched:
    """The application, which has a kit whenever it is assembled."""
    return cast(Searched, app)


def searchable(kit: Kit) -> Sequence[Records]:
    """The record types with a field that is searched, in an order that stays the same: that of their names."""
    return sorted((one for one in kit.all if one.resource.searchable), key=lambda one: one.resource.name)


def uses_vectors(app: Application) -> bool:
    """Whether there is an index to keep and to ask."""
    return app.vectors.enabled and app.embeddings.enabled
