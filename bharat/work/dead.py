"""Jobs as operators see them: what waits, what died and why; to be replayed or discarded."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import JobSpec
from bharat.work.tables import State, events, in_state, jobs, limit_of, stored_limit

log = logging.getLogger(__name__)

_IS_DEAD = in_state(State.DEAD)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job without its payload, which may hold an organisation's data. `max_attempts` is `None` when it never gives up; `error` is
    the last one."""

    id: UUID
    kind: str
    queue: str
    priority: int
    state: str
    run_at: datetime
    attempt: int
    max_attempts: int | None
    organisation_id: UUID | None
    request_id: str | None
    error: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """`held_up` are jobs that stay dead because an unfinished one has their unique key."""

    ready: int
    held_up: tuple[UUID, ...]


def list_jobs(
    database: Database, *, state: State | None = None, kind: str | None = None, limit: int = 100
) -> Sequence[JobFacts]:
    """The newest jobs, of one state or kind when given."""
    statement = sa.select(jobs).order_by(jobs.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(in_state(state))
    if kind is not None:
        statement = statement.where(jobs.c.kind == kind)
    return [_facts(row) for row in database.read(None).rows(statement)]


def list_dead(database: Database, *, kind: str | None = None, limit: int = 100) -> Sequence[JobFacts]:
    """The dead set, newest first."""
    return list_jobs(database, state=State.DEAD, kind=kind, limit=limit)


def replay(
    database: Database, specs: Mapping[str, JobSpec], ids: Collection[UUID] | None = None, *, kind: str | None = None
) -> Replayed:
    """Make dead jobs ready again: those named, those of a kind, or all. Each may make as many attempts as its spec in
    `specs` says, on top of those it made; a job of an undeclared kind may make one."""
    ready, held_up = 0, []
    for dead in _dead(database, ids, kind):
        job_id, spec = dead.id, specs.get(dead.kind)
        try:
            with database.write(None, SYSTEM) as unit:
                row = unit.row(
                    jobs.update()
                    .where(jobs.c.id == job_id, _IS_DEAD)
                    .values(
                        state=State.READY.value,
                        run_at=unit.at,
                        finished_at=None,
                        max_attempts=_again(spec),
                    )
                    .returning(jobs.c.queue)
                )
                if row is not None:
                    ready += 1
                    unit.wake(job_id, row.queue, None)
        except sa.exc.IntegrityError:
            held_up.append(job_id)
    log.info("replayed %d dead jobs", ready)
    return Replayed(ready, tuple(held_up))


def discard(database: Database, ids: Collection[UUID] | None = None, *, kind: str | None = None) -> int:
    """Delete dead jobs for good: those named, those of a kind, or all; how many there were."""
    found = _dead(database, ids, kind)
    with database.write(None, SYSTEM) as unit:
        gone = sum(unit.execute(jobs.delete().where(jobs.c.id == dead.id, _IS_DEAD)).rowcount for dead in found)
    log.info("discarded %d dead jobs", gone)
    return gone


def gauges(database: Database) -> dict[str, float]:
    """Counts for monitoring: jobs by state but done, events that wait for their number, and for how long the oldest has."""
    read = database.read(None)
    found = {f"jobs_{state.value}": 0.0 for state in State if state is not State.DONE}
    counted = sa.select(jobs.c.state, sa.func.count().label("many")).where(jobs.c.state != State.DONE.value)
    for row in read.rows(counted.group_by(jobs.c.state)):
        found[f"jobs_{row.state}"] = float(row.many)
    many, oldest = sa.func.count().label("many"), sa.func.min(events.c.occurred_at).label("oldest")
    unpublished = read.row(sa.select(many, oldest, database.now().label("now")).where(events.c.number.is_(None)))
    assert unpublished is not None
    found["events_unpublished"] = float(unpublished.many)
    age = unpublished.now - (unpublished.oldest or unpublished.now)
    return {**found, "events_oldest_unpublished_seconds": max(0.0, age.total_seconds())}


def _again(spec: JobSpec | None) -> int | sa.ColumnElement[int]:
    """How many attempts a replayed job may have made in the end."""
    more = 1 if spec is None else spec.max_attempts
    return stored_limit(None) if more is None else jobs.c.attempt + more


def _dead(database: Database, ids: Collection[UUID] | None, kind: str | None) -> Sequence[sa.Row[Any]]:
    statement = sa.select(jobs.c.id, jobs.c.kind).where(_IS_DEAD).order_by(jobs.c.id)
    if ids is not None:
        statement = statement.where(jobs.c.id.in_(ids))
    if kind is not None:
        statement = statement.where(jobs.c.kind == kind)
    return database.read(None).rows(statement)


def _facts(row: sa.Row[Any]) -> JobFacts:
    return JobFacts(
        id=row.id,
        kind=row.kind,
        queue=row.queue,
        priority=row.priority,
        state=row.state,
        run_at=row.run_at,
        attempt=row.attempt,
        max_attempts=limit_of(row.max_attempts),
        organisation_id=row.organisation_id,
        request_id=row.request_id,
        error=row.errors[-1]["error"] if row.errors else None,
        finished_at=row.finished_at,
    )
