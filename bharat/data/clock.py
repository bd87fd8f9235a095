"""Time: this process's clock and the database's, both shifted by one offset that tests inject."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class OffsetClock:
    """The system's clock plus `offset`. In production the offset stays zero; nothing in the product sets it."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset.total_seconds()
