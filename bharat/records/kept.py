"""What is made once and kept while it is used: those used last, up to a number."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

MOST = 400
"""Statements and orders of all record types of a process together. One takes some 50 KB, and callers choose which there are."""


class Kept:
    """A memory of the `most` things used last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._things: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What is kept under the key, or what `make` makes for it."""
        # Taken out and put back: a dictionary keeps its order, so that the first is the one that was used longest ago. Who comes
        # between makes it again, which does no harm.
        found = self._things.pop(key, None)
        if found is None:
            found = make()
        self._things[key] = found
        if len(self._things) > self._most:
            self._things.pop(next(iter(self._things)), None)
        return found


__all__ = ["MOST", "Kept"]
