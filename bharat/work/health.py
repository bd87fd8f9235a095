"""Background work, looked at: does a worker take jobs, does anything wait that should not, does the clock tick?

Workers and clocks leave no sign that they live but what they do, so a worker is given a job, and what is overdue is looked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.check import Finding, Status
from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import JobContext, JobSpec
from bharat.work.catalogue import Catalogue
from bharat.work.clock import PUNCTUAL
from bharat.work.queue import enqueue
from bharat.work.tables import State, cron_entries, events, in_state, jobs

OVERDUE = timedelta(minutes=1)
"""A job that is ready for so long waits for a worker."""
LONG_OVERDUE = timedelta(minutes=10)
_LOOK = 0.1
"""Seconds between two looks at whether the job was done."""
_START = "start one (`bharat worker`), or see in its log why it does not work"


def _do_nothing(job: JobContext) -> None:
    """That it was run is all there is to know."""


PROBE = JobSpec(
    kind="work.probe",
    run=_do_nothing,
    priority=0,
    max_attempts=1,
    time_limit=timedelta(seconds=10),
    summary="Show that a worker takes jobs",
)


def examine_work(database: Database, catalogue: Catalogue, patience: timedelta) -> Iterator[Finding]:
    """What can be read first; then a worker has `patience` to do a job."""
    now: datetime = database.read(None).scalar(sa.select(database.now()))
    yield _waiting(database, now)
    yield _dead(database)
    yield _events(database, now)
    yield _clock(database, catalogue, now)
    yield _worker(database, patience)


def _waiting(database: Database, now: datetime) -> Finding:
    read = database.read(None)
    # A job whose lease ran out waits too: its worker died.
    since = [
        read.scalar(sa.select(sa.func.min(column)).where(in_state(state)))
        for state, column in (
            (State.READY, jobs.c.run_at),
            (State.SCHEDULED, jobs.c.run_at),
            (State.RUNNING, jobs.c.lease_until),
        )
    ]
    oldest: datetime | None = min(filter(None, since), default=None)
    age = timedelta(0) if oldest is None else now - oldest
    if age < OVERDUE:
        return Finding(Status.OK, "no job waits that is due", about="waiting")
    status = Status.FAILED if age >= LONG_OVERDUE else Status.DEGRADED
    return Finding(
        status,
        f"the oldest job that is due waits for {_told(age)}",
        "start more workers, or see in their logs what keeps them; `bharat jobs list --state ready` shows what waits",
        "waiting",
    )


def _dead(database: Database) -> Finding:
    count = database.read(None).scalar(sa.select(sa.func.count()).select_from(jobs).where(in_state(State.DEAD)))
    if count:
        return Finding(
            Status.DEGRADED,
            f"{count} job{'s' * (count != 1)} used up their attempts",
            "`bharat jobs dead` shows why; then `bharat jobs replay` or `bharat jobs discard`",
            "dead",
        )
    return Finding(Status.OK, "no job is dead", about="dead")


def _events(database: Database, now: datetime) -> Finding:
    oldest: datetime | None = database.read(None).scalar(
        sa.select(sa.func.min(events.c.occurred_at)).where(events.c.number.is_(None))
    )
    age = timedelta(0) if oldest is None else now - oldest
    if age < OVERDUE:
        return Finding(Status.OK, "every event is published", about="events")
    return Finding(
        Status.FAILED,
        f"events wait to be published, the oldest for {_told(age)}: nobody is told of changes",
        f"every worker and clock publishes: {_START}",
        "events",
    )


def _clock(database: Database, catalogue: Catalogue, now: datetime) -> Finding:
    """A clock notes each entry when it first sees it, and each tick when it comes."""
    places = {row.name: row.last_tick for row in database.read(None).rows(sa.select(cron_entries))}
    remedy = "let one worker have worker.clock = true, or start `bharat clock`"
    unseen = [entry.name for entry, _ in catalogue.cron if entry.name not in places]
    if unseen:
        return Finding(Status.FAILED, f"no clock has seen {', '.join(unseen)} yet", remedy, "clock")
    for entry, schedule in catalogue.cron:
        due = next(schedule.after(places[entry.name]))
        if now - due > PUNCTUAL:
            return Finding(
                Status.FAILED,
                f"{entry.name} was due at {due:%Y-%m-%d %H:%M} UTC, {_told(now - due)} ago, and no clock noticed",
                remedy,
                "clock",
            )
    return Finding(Status.OK, f"all {len(catalogue.cron)} entries ticked when they were due", about="clock")


def _worker(database: Database, patience: timedelta) -> Finding:
    with database.write(None, SYSTEM) as unit:
        job = enqueue(unit, PROBE, {})
    assert job is not None  # it has no unique key
    begun = time.monotonic()
    took = None
    while took is None and time.monotonic() - begun < patience.total_seconds():
        if _state(database, job) == State.DONE:
            took = time.monotonic() - begun
        else:
            time.sleep(_LOOK)
    with database.write(None, SYSTEM) as unit:
        unused = sa.or_(in_state(State.READY), in_state(State.DONE))
        gone = unit.execute(jobs.delete().where(jobs.c.id == job, unused)).rowcount
    if took is not None:
        return Finding(Status.OK, f"a worker did a job in {took:.1f} s", about="worker")
    if not gone:
        return Finding(Status.OK, "a worker took a job just now", about="worker")
    running = database.read(None).scalar(
        sa.select(sa.func.count()).select_from(jobs).where(in_state(State.RUNNING), jobs.c.lease_until > database.now())
    )
    if running:
        return Finding(
            Status.DEGRADED,
            f"no worker was free for a job within {_told(patience)}: {running} run{'s' * (running == 1)}",
            "raise worker.concurrency, or start more workers",
            "worker",
        )
    return Finding(Status.FAILED, f"no worker took a job within {_told(patience)}", _START, "worker")


def _state(database: Database, job: UUID) -> str | None:
    found = database.read(None).scalar(sa.select(jobs.c.state).where(jobs.c.id == job))
    return None if found is None else str(found)


def _told(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
