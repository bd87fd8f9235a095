"""The gunicorn worker: gevent's, but one that ends only after the requests in flight."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Protocol, cast

from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker


class Drains(Protocol):
    """The application that the worker serves."""

    def drain(self) -> None:
        """Say from now on that this node wants no more traffic."""
        ...


class DrainingWorker(GeventWorker):
    """Stops accepting, says so on `/readyz`, and lets requests in flight finish within the graceful time-out.

    Gunicorn's own worker ends at once when its master was killed: the application was closed under requests that were
    still running, and they answered 500."""

    def notify(self) -> None:
        AsyncWorker.notify(self)  # past GeventWorker's, whose sys.exit this replaces
        if self.alive and self.ppid != os.getppid():
            self._stop_accepting()

    def init_signals(self) -> None:
        super().init_signals()
        # A terminal that is closed tells every process of its group: the master, told too, says what follows.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        cast(Drains, self.app).drain()
        self.alive = False
