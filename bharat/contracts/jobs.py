"""Capability `jobs`: waking workers. The job itself is a row of the database, written with the change that causes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


class JobRunner(Protocol):
    """The core's side of a worker: claims rows by compare-and-set, runs them, records the outcome."""

    def run(self, job_id: UUID) -> bool:
        """Claim and run this job; `False` when it is not due, already running, or done."""
        ...

    def run_due(self, queues: Sequence[str]) -> int:
        """Claim and run what is due, one after another, until nothing is; how many ran. Returns early on `stopping`."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the worker was asked to stop: finish the job at hand and return."""
        ...


class Jobs(Protocol):
    """How workers hear of due jobs. **A wake-up is a hint**: losing every one of them delays jobs, never loses one."""

    def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
        """Tell a worker of `queue` that this job is due now, or at `at`. Called after commit. Never raises for its
        backend: the reconciler finds the row."""
        ...

    def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
        """Serve `queues` until `runner.stopping`, asking the database at least every `poll` even when no hint comes."""
        ...

    def depth(self) -> Mapping[str, int]:
        """Hints or rows waiting by queue, as the backend counts them."""
        ...

    def close(self) -> None:
        """Give back connections; workers stop by their runner. Idempotent, and fails for no backend."""
        ...
