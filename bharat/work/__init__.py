"""Background work: durable jobs, events through an outbox, and a clock. The database is the truth, wake-ups are hints.

A built-in plugin too: it prunes what is old, once a day, and does the job by which `bharat doctor` knows that a worker lives.
"""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl
from bharat.work.events import emit
from bharat.work.queue import enqueue

__all__ = ["emit", "enqueue"]


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.work.health import PROBE
    from bharat.work.housekeeping import PRUNE

    return [PRUNE, PROBE]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.work.housekeeping import DAILY

    return [DAILY]
