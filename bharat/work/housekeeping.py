"""What is forgotten, and when: finished jobs, ticks and published events, once a day, a little at a time."""

from __future__ import annotations

import logging
from datetime import timedelta

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.data.sweeping import sweep
from bharat.work.tables import State, cron_ticks, events, in_state, jobs

log = logging.getLogger(__name__)

KEEP_DONE = timedelta(days=7)
KEEP_DEAD = timedelta(days=90)
KEEP_TICKS = timedelta(days=90)
KEEP_EVENTS = timedelta(days=30)
"""A client that was away for longer reads the records anew instead of the events it missed."""


def prune(database: Database) -> dict[str, int]:
    """Delete what is older than it is kept; how many rows by table. An event without a number stays."""
    before = {duration: database.after(-duration) for duration in (KEEP_DONE, KEEP_DEAD, KEEP_TICKS, KEEP_EVENTS)}
    done = sa.and_(in_state(State.DONE), jobs.c.finished_at < before[KEEP_DONE])
    dead = sa.and_(in_state(State.DEAD), jobs.c.finished_at < before[KEEP_DEAD])
    published = sa.and_(events.c.number.is_not(None), events.c.published_at < before[KEEP_EVENTS])
    return {
        "jobs": sweep(database, None, jobs, done) + sweep(database, None, jobs, dead),
        "cron_ticks": sweep(database, None, cron_ticks, cron_ticks.c.tick < before[KEEP_TICKS]),
        "events": sweep(database, None, events, published),
    }


def _run(job: JobContext) -> None:
    pruned = prune(job.app.database)
    log.info("pruned %s", ", ".join(f"{count} {table}" for table, count in pruned.items()))


PRUNE = JobSpec(
    kind="work.prune",
    run=_run,
    priority=900,
    time_limit=timedelta(hours=1),
    summary="Forget old finished jobs, ticks and events",
)
DAILY = CronEntry(name="work.prune", schedule="41 3 * * *", job=PRUNE.kind, catch_up=CatchUp.LATEST)
