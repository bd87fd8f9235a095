"""How long a failed job waits: exponential backoff with full jitter.

Source: Brooker 2015, "Exponential Backoff And Jitter": a delay drawn evenly from zero to the bound spreads retries best."""

from __future__ import annotations

import random
from datetime import timedelta

BASE = timedelta(seconds=10)
CAP = timedelta(hours=1)


def bound(attempt: int) -> timedelta:
    """The longest wait after this attempt, counted from 1: `BASE`, then twice as long each time, up to `CAP`."""
    return min(CAP, BASE * (1 << min(attempt - 1, 32)))


def delay(attempt: int) -> timedelta:
    """A wait drawn evenly from zero to `bound(attempt)`."""
    return bound(attempt) * random.random()
