"""Computations that callers share: of those who want one thing at one time, one computes and the others wait for what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """The computations of one process that are under way, by key. Safe with threads and, patched by gevent, with greenlets.

    A cache whose entries change in this process alone has all of `get_or_compute` from here, and makes its changes within `changing`
    and `changing_all`. One that other processes change too needs a mark in its backend, beside `share` and `forget`."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()

    def share(self, key: str, compute: Callable[[], bytes]) -> bytes:
        """What `compute` gives, by this caller or by the one that is at it already. An `Exception` reaches everybody who waited; what
        else ends it is its own caller's, and another of them computes. A `compute` that asks for its own key raises `RuntimeError`:
        it would wait for itself."""
        return self._share(key, compute, lambda value: None)

    def get_or_compute(
        self, key: str, compute: Callable[[], bytes], *, find: Callable[[], bytes | None], keep: Callable[[bytes], None]
    ) -> bytes:
        """What `find` gives, else what `compute` gives, as `share` does. It is handed to `keep`, unless the key was changed meanwhile:
        what was computed may be older than the change. `keep` runs while changes wait, so it is to be quick and to ask for none."""
        found = find()
        if found is not None:
            return found
        computed = False

        def look_again() -> bytes:
            nonlocal computed
            # Whoever computed it before may have landed since this caller looked.
            value = find()
            if value is None:
                value = compute()
                computed = True
            return value

        return self._share(key, look_again, lambda value: keep(value) if computed else None)

    @contextmanager
    def changing(self, key: str) -> Iterator[None]:
        """Change the entry in the block: what is being computed for it is not kept, and nobody else joins it."""
        with self._lock:
            self._flights.pop(key, None)
            yield

    @contextmanager
    def changing_all(self) -> Iterator[None]:
        """Change every entry in the block."""
        with self._lock:
            self._flights.clear()
            yield

    def forget(self, key: str) -> None:
        """Let nobody else join the computation under way: what it is made from has changed."""
        with self.changing(key):
            pass

    def forget_all(self) -> None:
        with self.changing_all():
            pass

    def _share(self, key: str, compute: Callable[[], bytes], keep: Callable[[bytes], None]) -> bytes:
        while True:
            flight, mine = self._joined(key)
            if mine:
                return self._fly(flight, key, compute, keep)
            flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.ended:
                return flight.value

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

    def _fly(self, flight: _Flight, key: str, compute: Callable[[], bytes], keep: Callable[[bytes], None]) -> bytes:
        try:
            flight.value = compute()
            flight.ended = True
        except Exception as error:
            # Anything else, like a deadline that passed, ends the one request it was meant for.
            flight.error = error
            raise
        finally:
            try:
                with self._lock:
                    if self._flights.get(key) is flight:
                        del self._flights[key]
                        if flight.ended:
                            keep(flight.value)
            finally:
                flight.landed.set()
        return flight.value
