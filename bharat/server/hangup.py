"""SIGHUP, which comes when a terminal is closed: a server for development ends then, as with SIGTERM."""

from __future__ import annotations

import signal
from typing import Any

from gunicorn.arbiter import Arbiter


def end_on_hangup() -> None:
    """Let gunicorn's master, for which SIGHUP means to start its workers anew, end. One that was told to outlive its terminal
    (`nohup`) does."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def handle_hup(self: Any) -> None:
        if not outlives:
            self.handle_term()

    setattr(Arbiter, "handle_hup", handle_hup)  # noqa: B010 - mypy takes an assignment to a method for a mistake
