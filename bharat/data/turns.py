"""Taking turns with the other requests of the process, in work that never waits by itself: SQLite and computing do not."""

from __future__ import annotations

import time


def give_way() -> None:
    """Let other threads and greenlets run, the server's heartbeat among them; a request whose time is up ends here."""
    time.sleep(0)
