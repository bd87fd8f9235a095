"""A database that stops answering: every connection of its pool is taken, and waiting for one ends soon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from bharat.testing.suite import CutOff


@contextmanager
def exhaustible(options: EngineOptions, clock: OffsetClock) -> Iterator[tuple[BharatDatabase, CutOff]]:
    """The database, and a function that exhausts it until the block ends."""
    database = BharatDatabase(replace(options, pool_timeout=timedelta(seconds=2)), clock)
    with ExitStack() as taken:

        def cut_off() -> None:
            database.engine.pool._timeout = 0.05  # type: ignore[attr-defined] # seconds; else each call waits for two
            for _ in range(options.pool_size):
                taken.enter_context(database.engine.connect())

        yield database, cut_off
    database.close()
