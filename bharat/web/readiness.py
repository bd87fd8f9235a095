"""Whether this node may get traffic."""

from __future__ import annotations

import threading

from bharat.contracts.errors import BharatError
from bharat.contracts.platform import Clock
from bharat.data.migrations import Migrator

RECHECK = 1.0
"""Seconds for which a "not migrated" is believed."""


class Readiness:
    """Migrated and not draining. Once migrated the node stays so: what runs was built for this schema."""

    def __init__(self, migrator: Migrator, clock: Clock) -> None:
        self._migrator = migrator
        self._clock = clock
        self._lock = threading.Lock()
        self._migrated = False
        self._checked = float("-inf")
        self._reason = ""
        self.draining = False

    def reasons(self) -> list[str]:
        """Why not; empty when it may."""
        found = ["This node is draining."] if self.draining else []
        if not self._migrated:
            with self._lock:
                if self._clock.monotonic() - self._checked >= RECHECK:
                    self._reason = self._look()
                    self._checked = self._clock.monotonic()
            if not self._migrated:
                found.append(self._reason)
        return found

    def close(self) -> None:
        self._migrator.close()

    def _look(self) -> str:
        try:
            pending = self._migrator.pending()
        except BharatError as error:
            return str(error)
        except Exception as error:
            return f"The database does not answer ({type(error).__name__})."
        self._migrated = not pending
        if self._migrated:
            self._migrator.close()  # its connection is one of few, and is not needed again
        names = ", ".join(f"{item.plugin} {item.revision}" for item in pending)
        return f"Migrations are pending ({names}): run `bharat migrate`." if pending else ""
