"""A small real platform to build a provider with: a folder of its own, a clock that can be shifted, keys, fences."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bharat.contracts.database import Database, Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.platform import Clock, Fences, Platform
from bharat.data.clock import OffsetClock


class ShiftableClock(OffsetClock):
    """The system's clock plus an offset. It goes on by itself; `advance` makes it jump ahead."""

    def advance(self, duration: timedelta) -> None:
        """Let `duration` pass at once. Raises `ValueError` for a negative one: time does not run back."""
        if duration < timedelta(0):
            raise ValueError(f"a clock can't be advanced by {duration}")
        self.offset += duration


class CountingFences:
    """Fencing tokens from one counter per name, kept in memory: stands in for the database's issuer.

    `issued` holds every token by name, in order. While `answers` is false, `issue` raises `Unavailable`."""

    def __init__(self) -> None:
        self.issued: dict[str, list[int]] = {}
        self.answers = True
        self._lock = threading.Lock()

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        if not self.answers:
            raise Unavailable("the database does not answer")
        with self._lock:
            tokens = self.issued.setdefault(name, [])
            tokens.append(tokens[-1] + 1 if tokens else 1)
            return tokens[-1]

    def guard(self, unit: Unit, lease: Lease) -> None:
        if self.issued.get(lease.name, [0])[-1] != lease.fence:
            raise LeaseLost(f"The lease {lease.name!r} is not the newest.")


class SmallPlatform:
    """A `Platform` for one test. Its secret is fixed, so that two platforms derive the same keys, as two nodes do.

    `database`, when the provider needs one, is built on first use by the given function."""

    def __init__(
        self,
        home: Path,
        *,
        clock: Clock | None = None,
        fences: Fences | None = None,
        database: Callable[[Platform], Database] | None = None,
        public_url: str = "http://127.0.0.1:8000",
        secret: bytes = b"a secret for tests, the same on every node",
    ) -> None:
        self._home = home
        self._clock = clock or ShiftableClock()
        self._fences = fences or CountingFences()
        self._make_database = database
        self._database: Database | None = None
        self._public_url = public_url
        self._secret = secret

    @property
    def home(self) -> Path:
        return self._home

    @property
    def public_url(self) -> str:
        return self._public_url

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def fences(self) -> Fences:
        return self._fences

    @property
    def database(self) -> Database:
        """Raises `RuntimeError` when the platform was made without one."""
        if self._database is None:
            if self._make_database is None:
                raise RuntimeError("this SmallPlatform has no database: pass `database=` a function that builds one")
            self._database = self._make_database(self)
        return self._database

    def key(self, purpose: str) -> bytes:
        """One block of HKDF-SHA-256 (RFC 5869, 2.2 and 2.3) with an empty salt and the purpose as `info`."""
        extracted = hmac.digest(bytes(hashlib.sha256().digest_size), self._secret, "sha256")
        return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")
