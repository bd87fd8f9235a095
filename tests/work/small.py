"""What the tests of background work share: a small application, and looks at the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from bharat.config import Config
from bharat.contracts.application import Application
from bharat.contracts.principal import SYSTEM, Actor
from bharat.contracts.work import JobContext, JobSpec
from bharat.data import BharatDatabase
from bharat.data.audit import audit_entries, audit_row, write_audit
from bharat.local.jobs import DatabaseJobs
from bharat.work import enqueue
from bharat.work.service import Host
from bharat.work.tables import events, jobs


class SmallApplication:
    """A database and its jobs provider, joined as in the product. Jobs ask for no other part."""

    def __init__(self, database: BharatDatabase, config: Config | None = None) -> None:
        self.database = database
        self.clock = database.clock
        self.config = config or Config()
        self.jobs = DatabaseJobs(cast(Application, self))
        self.registry: Mapping[str, Any] = {}
        database.wake = lambda job_id, queue, at: self.jobs.wake(job_id, queue=queue, at=at)

    @property
    def application(self) -> Application:
        return cast(Application, self)

    @property
    def host(self) -> Host:
        return cast(Host, self)


def spec(run: Callable[[JobContext], None] = lambda job: None, kind: str = "test.job", **more: Any) -> JobSpec:
    return JobSpec(kind=kind, run=run, **more)


def add(
    database: BharatDatabase,
    job: JobSpec,
    payload: Mapping[str, Any] | None = None,
    *,
    organisation_id: UUID | None = None,
    actor: Actor = SYSTEM,
    **more: Any,
) -> UUID:
    """Enqueue in a unit of its own."""
    with database.write(organisation_id, actor) as unit:
        job_id = enqueue(unit, job, payload or {}, **more)
    assert job_id is not None
    return job_id


def row_of(database: BharatDatabase, job_id: UUID) -> sa.Row[Any]:
    found = database.read(None).row(sa.select(jobs).where(jobs.c.id == job_id))
    assert found is not None
    return found


def state_of(database: BharatDatabase, job_id: UUID) -> str:
    return str(row_of(database, job_id).state)


def all_jobs(database: BharatDatabase, kind: str | None = None) -> Sequence[sa.Row[Any]]:
    statement = sa.select(jobs).order_by(jobs.c.id)
    return database.read(None).rows(statement.where(jobs.c.kind == kind) if kind else statement)


def events_after(database: BharatDatabase, organisation_id: UUID, number: int) -> Sequence[sa.Row[Any]]:
    """What a reader gets who has seen everything up to `number`."""
    statement = sa.select(events).where(events.c.number > number).order_by(events.c.number)
    return database.read(organisation_id).rows(statement)


def effects(database: BharatDatabase, organisation_id: UUID) -> int:
    """How often `take_effect` took effect."""
    counted = sa.select(sa.func.count()).select_from(audit_entries).where(audit_entries.c.action == "test.effect")
    return int(database.read(organisation_id).scalar(counted))


def take_effect(job: JobContext) -> None:
    """An effect and the job's completion in one commit."""
    assert job.organisation_id is not None
    with job.app.database.write(job.organisation_id, SYSTEM) as unit:
        write_audit(unit, audit_row(unit, unit.at, "test.effect", "test", None, {}))
        job.finish_in(unit)
