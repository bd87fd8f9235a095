"""What the platform lends to a provider while it is built, and to everything that runs inside the application."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bharat.contracts.database import Database, Unit
from bharat.contracts.locks import Lease


class Clock(Protocol):
    """The one source of time. Tests shift it; nothing else reads the system's clock."""

    def now(self) -> datetime:
        """The present instant, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for time-outs and durations in this process."""
        ...


class Fences(Protocol):
    """Issues fencing tokens (Kleppmann 2016, "How to do distributed locking")."""

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        """The next token for the lock `name`: strictly greater than every one issued before, across processes,
        restarts and lost lock stores. Raises `Unavailable` when the database does not answer, or stays busy for longer than
        `wait`."""
        ...

    def guard(self, unit: Unit, lease: Lease) -> None:
        """Let the unit write only while `lease` is the newest of its name: call it before the first write that the lock protects.

        Raises `LeaseLost` when a later token was issued, however the holder was delayed and whatever the lock store lost; let it
        leave the unit, which rolls back. Nobody is issued a later token before the unit ends. A lease that has been held for a month
        is taken for lost, and one from before a crash of the database."""
        ...


class Platform(Protocol):
    """What a provider may build on."""

    @property
    def home(self) -> Path:
        """The folder for state on this node. In a cluster it may be empty at any start and is not writable."""
        ...

    @property
    def public_url(self) -> str:
        """Scheme and authority under which browsers reach Bharat, without a trailing slash."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def database(self) -> Database: ...

    @property
    def fences(self) -> Fences: ...

    def key(self, purpose: str) -> bytes:
        """A 32-byte key derived from the platform's secret for one purpose (HKDF, RFC 5869). The same on every node."""
        ...
