"""Rings within this process: whoever rests hears that there is something to do, and otherwise looks after a while."""

from __future__ import annotations

import threading
from collections.abc import Sequence


class Bell:
    """Counts rings by topic. A ring between `rung` and `wait` is not missed. Works with threads and greenlets alike."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings: dict[str, int] = {}

    def ring(self, topic: str) -> None:
        with self._changed:
            self._rings[topic] = self._rings.get(topic, 0) + 1
            self._changed.notify_all()

    def rung(self, topics: Sequence[str]) -> int:
        """How often it rang for these topics."""
        with self._changed:
            return self._count(topics)

    def wait(self, topics: Sequence[str], since: int, timeout: float) -> None:
        """Return when it has rung more than `since` times, or after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._count(topics) != since, timeout)

    def _count(self, topics: Sequence[str]) -> int:
        return sum(self._rings.get(topic, 0) for topic in topics)
