"""Capability `limits`: counters and token buckets that all nodes share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bharat.contracts.errors import BharatError

_KEY = re.compile(r"[!-~]{1,250}")


def validate_limit_key(key: str) -> None:
    """Raise `ValueError` unless `key` is 1 to 250 printable ASCII characters without spaces."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not a limit's key: use 1 to 250 printable ASCII characters without spaces")


def validate_hits(limit: int, window: timedelta | None = None) -> None:
    """Raise `ValueError` for a limit that allows nothing."""
    if limit < 1 or (window is not None and window <= timedelta(0)):
        raise ValueError(
            f"a limit of {limit}{'' if window is None else f' within {window}'} allows nothing: it must be positive"
        )


def validate_take(capacity: int, per_second: float, amount: int) -> None:
    """Raise `ValueError` for a bucket that could never give `amount`."""
    if amount > capacity:
        raise ValueError(f"{amount} can never be taken from a bucket that holds {capacity}")
    if amount < 1 or not per_second > 0:
        raise ValueError(f"taking {amount} from a bucket refilled at {per_second}/s: both must be positive")


class LimitsUnavailable(BharatError):
    """The store does not answer. The caller decides: refuse the login, allow the read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`remaining` is how many more would be allowed now; `retry_after` how long until one is, zero when allowed."""

    allowed: bool
    remaining: int
    retry_after: timedelta


class Limits(Protocol):
    """Atomic counting. Keys are 1 to 250 printable ASCII characters without spaces; limits, windows, amounts and rates are positive
    (`ValueError` otherwise: `validate_limit_key`, `validate_hits` and `validate_take` say so). All methods raise `LimitsUnavailable`."""

    def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
        """Count one in a fixed window that begins with the first hit. The `limit`-th is allowed, the next is not, and
        a refused hit does not lengthen the window."""
        ...

    def peek(self, key: str, *, limit: int) -> Verdict:
        """Whether `hit` would be allowed, without counting; `remaining` is what is left before that hit."""
        ...

    def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
        """Take `amount` from a token bucket of `capacity` that refills at `per_second`; a new bucket is full.

        All or nothing. `ValueError` when `amount` exceeds `capacity`."""
        ...

    def give_back(self, key: str) -> None:
        """Count one hit less in a window that has not ended, never below none: what was counted before it was done turned out not
        to be what is limited. The window ends when it would have."""
        ...

    def reset(self, key: str) -> None:
        """Forget the counter or bucket."""
        ...

    def sweep(self) -> int:
        """Drop expired counters that the backend does not drop by itself; how many."""
        ...

    def close(self) -> None:
        """Give back connections; what was counted stays. Idempotent, and fails for no backend."""
        ...
