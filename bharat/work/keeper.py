"""Keeps the leases of running attempts: one thread per runner, alive while there is something to hold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bharat.contracts.errors import Unavailable
from bharat.work.leases import Attempt, Leases

log = logging.getLogger(__name__)

RENEWALS = 3
"""Renewals within the length of a lease: two may fail before it runs out."""


class Keeper:
    """Renews every held attempt. What it can't renew it tells to the attempt's `lost`."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._lock = threading.Lock()
        self._held: dict[Attempt, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None
        self._released = threading.Event()

    @contextmanager
    def holding(self, attempt: Attempt, lost: Callable[[], None]) -> Iterator[None]:
        """Renew the attempt inside the block; `lost` is called once if another took it over."""
        with self._lock:
            self._held[attempt] = lost
            if self._thread is None:
                self._released.clear()
                self._thread = threading.Thread(target=self._keep, name="bharat-leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(attempt, None)

    @property
    def held(self) -> list[Attempt]:
        with self._lock:
            return list(self._held)

    def rest(self) -> None:
        """End the thread if nothing is held; it starts again with the next attempt."""
        self._released.set()

    def _keep(self) -> None:
        pause = self._leases.duration.total_seconds() / RENEWALS
        while True:
            self._released.wait(pause)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._thread = None
                    return
                self._released.clear()
            try:
                lost = self._leases.renew(list(held))
            except Unavailable:
                log.warning("%d leases could not be renewed: the database does not answer; trying again", len(held))
                continue
            except Exception:
                log.exception("renewing leases failed; trying again")
                continue
            for attempt in lost:
                with self._lock:
                    tell = self._held.pop(attempt, None)
                if tell is not None:
                    log.warning("job %s %s lost its lease", attempt.kind, attempt.id)
                    tell()
