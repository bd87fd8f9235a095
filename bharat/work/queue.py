"""Enqueuing: a job is a row, written in the transaction of the change that causes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.work import JobSpec
from bharat.data.ids import new_id
from bharat.work.payload import checked
from bharat.work.tables import State, jobs, stored_limit

MAX_UNIQUE_KEY = 200

_INSERT = jobs.insert()
_LIVE = sa.select(jobs.c.id).where(jobs.c.unique_key == sa.bindparam("key"), jobs.c.finished_at.is_(None))


def enqueue(
    unit: Unit,
    spec: JobSpec,
    payload: Mapping[str, Any],
    *,
    run_at: datetime | None = None,
    unique_key: str | None = None,
    priority: int | None = None,
) -> UUID | None:
    """Write a job for the unit's organisation, to run once the unit has committed, not before `run_at`; its id.

    With a `unique_key` there is at most one unfinished job of this kind, organisation and key: `None` when there is one
    already, be it waiting or running. A running one may have read its data before this change: leave the key out, or
    put a version into it, where that matters.
    Raises `ValueError` for a payload that is not JSON or is too large, and for a naive `run_at`."""
    row = job_row(unit, spec, payload, run_at=run_at, unique_key=unique_key, priority=priority)
    if row["unique_key"] is None:
        unit.append(jobs, row)
    elif not _insert_alone(unit, row):
        return None
    job_id: UUID = row["id"]
    unit.wake(job_id, row["queue"], run_at)
    return job_id


def enqueue_all(unit: Unit, rows: list[dict[str, Any]]) -> None:
    """Write rows made by `job_row`, none of which has a unique key, in one statement."""
    if rows:
        unit.execute(_INSERT, rows)
        for row in rows:
            unit.wake(row["id"], row["queue"], None)


def job_row(
    unit: Unit,
    spec: JobSpec,
    payload: Mapping[str, Any],
    *,
    run_at: datetime | None = None,
    unique_key: str | None = None,
    priority: int | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """A row of `jobs`. `request_id` is the unit's actor's unless given."""
    if run_at is not None and run_at.tzinfo is None:
        raise ValueError(f"the job {spec.kind!r}: run_at needs a time zone")
    later = run_at is not None and run_at > unit.at
    return {
        "id": new_id(),
        "organisation_id": unit.organisation_id,
        "kind": spec.kind,
        "queue": spec.queue,
        "priority": spec.priority if priority is None else priority,
        "payload": checked(payload, f"the payload of the job {spec.kind!r}"),
        "state": State.SCHEDULED.value if later else State.READY.value,
        "run_at": run_at or unit.at,
        "attempt": 0,
        "max_attempts": stored_limit(spec.max_attempts),
        "lease_until": None,
        "lease_owner": None,
        "unique_key": None if unique_key is None else stored_key(unit.organisation_id, spec.kind, unique_key),
        "request_id": request_id or unit.actor.request_id,
        "errors": [],
        "created_at": unit.at,
        "started_at": None,
        "finished_at": None,
    }


def stored_key(organisation_id: UUID | None, kind: str, key: str) -> str:
    """The key as it is stored: with whose and which job it is, so that organisations can't hold up one another."""
    if not 0 < len(key) <= MAX_UNIQUE_KEY:
        raise ValueError(f"the job {kind!r}: a unique key has 1 to {MAX_UNIQUE_KEY} characters")
    return f"{organisation_id or 'platform'}/{kind}/{key}"


def _insert_alone(unit: Unit, row: Mapping[str, Any]) -> bool:
    """Insert unless a live job has the key. The unique index decides; the loop covers one that finishes meanwhile."""
    key = {"key": row["unique_key"]}
    for _ in range(3):
        if unit.scalar(_LIVE, key) is not None:
            return False
        try:
            with unit.savepoint():
                unit.execute(_INSERT, row)
        except sa.exc.IntegrityError:
            if unit.scalar(_LIVE, key) is None:
                continue
            return False
        return True
    unit.execute(_INSERT, row)
    return True
