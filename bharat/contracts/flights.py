"""Computations that callers share: of those who want one thing at one time, one computes and the others wait for what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Flight:
    """A computation that callers wait for."""

    owner: int
    landed: threading.Event = field(default_factory=threading.Event)
    value: bytes = b""
    error: Exception | None = None
    ended: bool = False
    """It has a value or an error. Else who computed was made to stop, and that is nothing to the others."""


class Flights:
    """The computations of one process that are under way, by key. Safe with threads and, patched by gevent, with greenlets."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()

    def share(self, key: str, compute: Callable[[], bytes]) -> bytes:
        """What `compute` gives, by this caller or by the one that is at it already. An `Exception` reaches everybody who waited; what
        else ends it is its own caller's, and another of them computes. A `compute` that asks for its own key raises `RuntimeError`:
        it would wait for itself."""
        while True:
            flight, mine = self._joined(key)
            if mine:
                return self._fly(flight, key, compute)
            flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.ended:
                return flight.value

    def forget(self, key: str) -> None:
        """Let nobody else join the computation under way: what it is made from has changed."""
        with self._lock:
            self._flights.pop(key, None)

    def forget_all(self) -> None:
        with self._lock:
            self._flights.clear()

    def _joined(self, key: str) -> tuple[_Flight, bool]:
        """The computation, and whether it is this caller's own to do."""
        me = threading.get_ident()
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(me)
                return flight, True
        if flight.owner == me:
            raise RuntimeError(f"the computation of the cache entry {key!r} asks for that very entry")
        return flight, False

    def _fly(self, flight: _Flight, key: str, compute: Callable[[], bytes]) -> bytes:
        try:
            flight.value = compute()
            flight.ended = True
        except Exception as error:
            # Anything else, like a deadline that passed, ends the one request it was meant for.
            flight.error = error
            raise
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.landed.set()
        return flight.value
