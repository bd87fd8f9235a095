"""How many imports run at once in one process, when they come over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from bharat.contracts.errors import Unavailable

RETRY_AFTER = 10
"""Seconds. A file of the largest size takes about as long."""


class Gate:
    """Lets `most` imports in, and one of each organisation: an import holds a database connection until its end, and those
    that all other requests need must be left."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: set[UUID | None] = set()
        self._changing = threading.Lock()

    @contextmanager
    def enter(self, organisation_id: UUID | None) -> Iterator[None]:
        """Be inside until the block ends. Raises `Unavailable` when there is no room."""
        with self._changing:
            if organisation_id in self._inside:
                raise Unavailable("Another import is running; try again when it has ended.", retry_after=RETRY_AFTER)
            if len(self._inside) >= self._most:
                raise Unavailable("Other imports are running; try again shortly.", retry_after=RETRY_AFTER)
            self._inside.add(organisation_id)
        try:
            yield
        finally:
            with self._changing:
                self._inside.discard(organisation_id)


__all__ = ["RETRY_AFTER", "Gate"]
