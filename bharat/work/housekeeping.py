"""What is forgotten, and when: finished jobs, ticks and published events, once a day, a little at a time."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.work.tables import State, cron_ticks, events, in_state, jobs

log = logging.getLogger(__name__)

KEEP_DONE = timedelta(days=7)
KEEP_DEAD = timedelta(days=90)
KEEP_TICKS = timedelta(days=90)
KEEP_EVENTS = timedelta(days=30)
"""A client that was away for longer reads the records anew instead of the events it missed."""

_BATCH = 1000
"""Rows deleted in one transaction, so that writers get their turn."""


def prune(database: Database) -> dict[str, int]:
    """Delete what is older than it is kept; how many rows by table. An event without a number stays."""
    before = {duration: database.after(-duration) for duration in (KEEP_DONE, KEEP_DEAD, KEEP_TICKS, KEEP_EVENTS)}
    done = sa.and_(in_state(State.DONE), jobs.c.finished_at < before[KEEP_DONE])
    dead = sa.and_(in_state(State.DEAD), jobs.c.finished_at < before[KEEP_DEAD])
    published = sa.and_(events.c.number.is_not(None), events.c.published_at < before[KEEP_EVENTS])
    return {
        "jobs": _delete(database, jobs, done) + _delete(database, jobs, dead),
        "cron_ticks": _delete(database, cron_ticks, cron_ticks.c.tick < before[KEEP_TICKS]),
        "events": _delete(database, events, published),
    }


def _delete(database: Database, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    key = sa.tuple_(*table.primary_key.columns)
    old = sa.select(*table.primary_key.columns).where(condition).limit(_BATCH)
    statement: Any = table.delete().where(key.in_(old))
    deleted = 0
    while True:
        with database.write(None, SYSTEM) as unit:
            count = unit.execute(statement).rowcount
        deleted += count
        if count < _BATCH:
            return deleted


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
