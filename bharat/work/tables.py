"""The tables of background work: jobs, the outbox of events, and the ticks of cron entries."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from bharat.data.tables import core_metadata, organisation_table, platform_table
from bharat.data.types import Document, Instant


class State(StrEnum):
    """Where a job stands. The first three are *live*: they hold the job's unique key."""

    SCHEDULED = "scheduled"
    """Due later: a delayed job, or one that waits for its next attempt."""
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    """No attempt is left, or the job gave up. Stays until it is replayed, discarded or pruned."""


LIVE = (State.SCHEDULED, State.READY, State.RUNNING)

_NO_LIMIT = 2_000_000_000
"""What `max_attempts` holds from here on is no limit. A number that no job reaches, rather than NULL, so that a worker of an earlier
version reads the row right; 32 bits leave it room to grow by what is given back."""

_state = sa.column("state", sa.String)

jobs = platform_table(
    "jobs",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id")),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("queue", sa.String(64), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("payload", Document, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("run_at", Instant, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("lease_until", Instant),
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("unique_key", sa.String(400)),
    sa.Column("request_id", sa.String(64)),
    sa.Column("errors", Document, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    # A claim walks the first in order and stops at the first row; each of the others holds only what its state needs.
    sa.Index(
        "ix_jobs_ready", "priority", "run_at", "id",
        postgresql_where=_state == State.READY.value, sqlite_where=_state == State.READY.value,
    ),
    sa.Index(
        "ix_jobs_scheduled", "run_at",
        postgresql_where=_state == State.SCHEDULED.value, sqlite_where=_state == State.SCHEDULED.value,
    ),
    sa.Index(
        "ix_jobs_running", "lease_until",
        postgresql_where=_state == State.RUNNING.value, sqlite_where=_state == State.RUNNING.value,
    ),
    sa.Index(
        "ix_jobs_finished", "state", "finished_at",
        postgresql_where=sa.column("finished_at").is_not(None), sqlite_where=sa.column("finished_at").is_not(None),
    ),
    sa.Index(
        "uq_jobs_unique_key", "unique_key", unique=True,
        postgresql_where=sa.column("finished_at").is_(None), sqlite_where=sa.column("finished_at").is_(None),
    ),
    reason="Workers claim the jobs of all organisations; a job's own work opens units for its organisation.",
)  # fmt: skip

events = organisation_table(
    "events",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.BigInteger),
    sa.Column("type", sa.String(100), nullable=False),
    sa.Column("subject_type", sa.String(64), nullable=False),
    sa.Column("subject_id", sa.Uuid),
    sa.Column("data", Document, nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.Uuid),
    sa.Column("request_id", sa.String(64)),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("published_at", Instant),
    # The order of writing. PostgreSQL's migration makes it an identity: nobody gives it, and it rises whatever the nodes' clocks
    # say. SQLite leaves it empty: one machine has one clock, that of the ids.
    sa.Column("written", sa.BigInteger),
    sa.UniqueConstraint("organisation_id", "number"),
    sa.Index(
        "ix_events_unpublished", "organisation_id", "written", "id",
        postgresql_where=sa.column("number").is_(None), sqlite_where=sa.column("number").is_(None),
    ),
    platform_access="The relay looks for unpublished events of every organisation; housekeeping prunes old ones.",
)  # fmt: skip

event_counters = organisation_table(
    "event_counters",
    core_metadata,
    sa.Column("last_number", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("organisation_id"),
)

cron_entries = platform_table(
    "cron_entries",
    core_metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("last_tick", Instant, nullable=False),
    reason="The clock is the platform's: how far each entry's ticks were dealt with.",
)

cron_ticks = platform_table(
    "cron_ticks",
    core_metadata,
    sa.Column("entry", sa.String(100), primary_key=True),
    sa.Column("tick", Instant, primary_key=True),
    sa.Column("job_id", sa.Uuid, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    reason="The clock is the platform's: one row for each tick that was made a job.",
)


def stored_limit(max_attempts: int | None) -> int:
    """How many attempts a job may make, as its row holds it; `None` is as many as it takes."""
    return _NO_LIMIT if max_attempts is None else max_attempts


def limit_of(stored: int) -> int | None:
    """How many attempts a row allows; `None` is as many as it takes."""
    return stored if stored < _NO_LIMIT else None


def in_state(state: State) -> sa.ColumnElement[bool]:
    """Whether a job is in this state, written out: a prepared statement that takes it as a parameter is planned without
    knowing it, and then can't use the partial indexes (measured: 10 ms instead of 1 at 60,000 jobs)."""
    return jobs.c.state == sa.literal(state.value, sa.String, literal_execute=True)
