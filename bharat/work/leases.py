"""The life of an attempt in the database: claimed, renewed, finished, failed or given back, each by compare-and-set.

An attempt is named by the job, its number and a random owner. Every change asks for all three and for the state `running`:
who was taken over, or ran out of time, changes nothing any more (Gray and Cheriton 1989, "Leases").
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Unit
from bharat.contracts.locks import LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.work.tables import State, in_state, jobs, limit_of

KEPT_ERRORS = 10
"""Of each job the newest errors are kept."""

_BATCH = 500


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One claimed run of a job; equal to itself only."""

    id: UUID
    number: int
    owner: str
    kind: str
    queue: str
    payload: Mapping[str, Any]
    organisation_id: UUID | None
    request_id: str | None
    max_attempts: int | None
    errors: Sequence[Mapping[str, Any]]


class Leases:
    """The statements of one database, made once. `duration` is how long a claim holds unless renewed."""

    def __init__(self, database: Database, duration: timedelta) -> None:
        self._database = database
        self.duration = duration
        now, until = database.now(), database.after(duration)
        self._next = (
            sa.select(jobs.c.id, jobs.c.attempt)
            .where(
                in_state(State.READY),
                jobs.c.queue.in_(sa.bindparam("queues", expanding=True)),
                jobs.c.kind.in_(sa.bindparam("kinds", expanding=True)),
            )
            .order_by(jobs.c.priority, jobs.c.run_at, jobs.c.id)
            .limit(1)
        )
        overdue = sa.and_(in_state(State.RUNNING), jobs.c.lease_until <= now)
        due = sa.and_(in_state(State.SCHEDULED), jobs.c.run_at <= now)
        self._this = sa.select(jobs.c.id, jobs.c.attempt).where(
            jobs.c.id == sa.bindparam("job"),
            jobs.c.kind.in_(sa.bindparam("kinds", expanding=True)),
            sa.or_(in_state(State.READY), due, overdue & (jobs.c.attempt < jobs.c.max_attempts)),
        )
        self._claim = (
            jobs.update()
            .where(jobs.c.id == sa.bindparam("job"), self._as_seen())
            .values(
                state=State.RUNNING.value,
                attempt=jobs.c.attempt + 1,
                lease_owner=sa.bindparam("owner"),
                lease_until=until,
                started_at=now,
            )
            .returning(*jobs.c)
        )
        self._own = sa.and_(
            jobs.c.id == sa.bindparam("job", type_=sa.Uuid),
            jobs.c.attempt == sa.bindparam("number", type_=sa.Integer),
            jobs.c.lease_owner == sa.bindparam("owner", type_=sa.String),
            in_state(State.RUNNING),
        )
        # Never waits for a unit that has the row: such a unit keeps it from being taken over, and the other leases run on.
        self._unlocked = jobs.c.id.in_(
            sa.select(jobs.c.id).where(self._own).with_for_update(skip_locked=True).correlate(None)
        )
        self._renew = jobs.update().where(self._unlocked).values(lease_until=until)
        self._named = sa.select(jobs.c.id).where(self._own)
        self._mine = sa.select(jobs.c.id).where(self._own, jobs.c.lease_until > now)
        self._finish = jobs.update().where(self._own).values(state=State.DONE.value, finished_at=now, lease_until=None)
        # Each asks an index for its first entry. EXISTS would guess how many rows match, and may read the whole table.
        first_due = sa.select(sa.func.min(jobs.c.run_at)).where(in_state(State.SCHEDULED)).scalar_subquery()
        first_overdue = sa.select(sa.func.min(jobs.c.lease_until)).where(in_state(State.RUNNING)).scalar_subquery()
        first_ready = self._next.with_only_columns(jobs.c.id).scalar_subquery()
        self._something = sa.select(
            sa.or_(sa.func.coalesce(first_due <= now, sa.false()), sa.func.coalesce(first_overdue <= now, sa.false()))
            .label("promote"),
            first_ready.is_not(None).label("ready"),
        )  # fmt: skip
        self._due = self._locked(sa.select(jobs.c.id).where(due).order_by(jobs.c.run_at))
        self._overdue = self._locked(sa.select(jobs).where(overdue).order_by(jobs.c.lease_until))
        self._promote = jobs.update().where(jobs.c.id.in_(sa.bindparam("ids", expanding=True)))

    def waiting(self, queues: Collection[str], kinds: Collection[str]) -> tuple[bool, bool]:
        """Whether rows must be promoted, and whether one is ready to be claimed: one read, that an idle worker pays."""
        row = self._database.read(None).row(self._something, {"queues": list(queues), "kinds": list(kinds)})
        assert row is not None
        return bool(row.promote), bool(row.ready)

    def promote(self) -> int:
        """Make ready what is due, and what a dead worker left, unless no attempt is left to it; how many rows changed."""
        changed = 0
        with self._database.write(None, SYSTEM) as unit:
            due = [row.id for row in unit.rows(self._due)]
            if due:
                changed += unit.execute(self._promote.values(state=State.READY.value), {"ids": due}).rowcount
            for row in unit.rows(self._overdue):
                changed += self._rescue(unit, row)
        return changed

    def claim(self, queues: Collection[str], kinds: Collection[str]) -> Attempt | None:
        """The first ready job by priority and time, now this caller's; `None` when there is none."""
        return self._take(self._next, {"queues": list(queues), "kinds": list(kinds)})

    def claim_this(self, job_id: UUID, kinds: Collection[str]) -> Attempt | None:
        """This job, now the caller's; `None` when it is not due, held by another, finished, or of another kind."""
        return self._take(self._this, {"job": job_id, "kinds": list(kinds)})

    def renew(self, attempts: Sequence[Attempt]) -> set[Attempt]:
        """Hold on to the attempts for another full duration; those that are no longer theirs. One that its own `finish_in` has
        locked is not renewed, and not lost."""
        lost: set[Attempt] = set()
        with self._database.write(None, SYSTEM) as unit:
            for attempt in attempts:
                renewed = unit.execute(self._renew, _name(attempt)).rowcount == 1
                if not renewed and unit.row(self._named, _name(attempt)) is None:
                    lost.add(attempt)
        return lost

    def still_mine(self, attempt: Attempt) -> bool:
        return self._database.read(None).scalar(self._mine, _name(attempt)) is not None

    def finish_in(self, unit: Unit, attempt: Attempt) -> None:
        """Mark it done in the caller's unit. Raises `LeaseLost`."""
        if unit.execute(self._finish, _name(attempt)).rowcount != 1:
            raise LeaseLost(
                f"The job {attempt.kind} {attempt.id} was taken over by another worker, or ran out of time."
            )

    def finish(self, attempt: Attempt) -> bool:
        """Mark it done; `False`, changing nothing, when it is no longer this attempt's."""
        with self._database.write(None, SYSTEM) as unit:
            return unit.execute(self._finish, _name(attempt)).rowcount == 1

    def fail(self, attempt: Attempt, error: str, retry: timedelta | None) -> bool:
        """Note the error and schedule the next attempt after `retry`, or with `None` lay it with the dead; `False`, changing
        nothing, when it is no longer this attempt's."""
        with self._database.write(None, SYSTEM) as unit:
            values: dict[str, Any] = {
                "errors": _with_error(attempt.errors, attempt.number, unit.at, error),
                "lease_until": None,
            }
            if retry is None:
                values |= {"state": State.DEAD.value, "finished_at": unit.at}
            else:
                values |= {"state": State.SCHEDULED.value, "run_at": unit.at + retry}
            changed = unit.execute(jobs.update().where(self._own).values(**values), _name(attempt)).rowcount == 1
            if changed and retry is not None:
                unit.wake(attempt.id, attempt.queue, values["run_at"])
        return changed

    def give_back(self, attempts: Sequence[Attempt]) -> int:
        """Make them ready again for others, at no cost in attempts; how many were still theirs. One that its own `finish_in` has
        locked stays: it is done in a moment, or its lease runs out."""
        statement = (
            jobs.update()
            .where(self._unlocked)
            .values(state=State.READY.value, lease_until=None, max_attempts=jobs.c.max_attempts + 1)
        )
        given = 0
        with self._database.write(None, SYSTEM) as unit:
            for attempt in attempts:
                if unit.execute(statement, _name(attempt)).rowcount == 1:
                    given += 1
                    unit.wake(attempt.id, attempt.queue, None)
        return given

    def _take(self, candidates: sa.Select[Any], parameters: dict[str, Any]) -> Attempt | None:
        owner = secrets.token_hex(16)
        with self._database.write(None, SYSTEM) as unit:
            # SQLite has one writer and needs no lock; its dialect leaves the clause out.
            found = unit.row(candidates.with_for_update(skip_locked=True), parameters)
            if found is None:
                return None
            row = unit.row(self._claim, {"job": found.id, "seen": found.attempt, "owner": owner})
        if row is None:
            return None
        return Attempt(
            id=row.id,
            number=row.attempt,
            owner=owner,
            kind=row.kind,
            queue=row.queue,
            payload=row.payload,
            organisation_id=row.organisation_id,
            request_id=row.request_id,
            max_attempts=limit_of(row.max_attempts),
            errors=row.errors,
        )

    def _rescue(self, unit: Unit, row: sa.Row[Any]) -> int:
        text = "the worker was lost: its lease ran out"
        values: dict[str, Any] = {
            "errors": _with_error(row.errors, row.attempt, unit.at, text),
            "lease_until": None,
            "state": State.READY.value,
        }
        if row.attempt >= row.max_attempts:
            values |= {"state": State.DEAD.value, "finished_at": unit.at}
        return unit.execute(self._promote.values(**values), {"ids": [row.id]}).rowcount

    @staticmethod
    def _as_seen() -> sa.ColumnElement[bool]:
        """Nobody has claimed the job since it was looked at."""
        return jobs.c.attempt == sa.bindparam("seen")

    @staticmethod
    def _locked(statement: sa.Select[Any]) -> sa.Select[Any]:
        return statement.limit(_BATCH).with_for_update(skip_locked=True)


def _name(attempt: Attempt) -> dict[str, Any]:
    return {"job": attempt.id, "number": attempt.number, "owner": attempt.owner}


def _with_error(errors: Sequence[Mapping[str, Any]], attempt: int, at: datetime, error: str) -> list[Mapping[str, Any]]:
    return [*errors, {"attempt": attempt, "at": at.isoformat(), "error": error}][-KEPT_ERRORS:]
