"""Jobs, events and cron ticks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("payload", bharat.data.Document, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("run_at", bharat.data.Instant(), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("lease_until", bharat.data.Instant()),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("unique_key", sa.String(400)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("errors", bharat.data.Document, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("started_at", bharat.data.Instant()),
        sa.Column("finished_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_jobs_organisation_id"),
    )
    _partial("ix_jobs_ready", "jobs", ["priority", "run_at", "id"], "state = 'ready'")
    _partial("ix_jobs_scheduled", "jobs", ["run_at"], "state = 'scheduled'")
    _partial("ix_jobs_running", "jobs", ["lease_until"], "state = 'running'")
    _partial("ix_jobs_finished", "jobs", ["state", "finished_at"], "finished_at IS NOT NULL")
    _partial("uq_jobs_unique_key", "jobs", ["unique_key"], "finished_at IS NULL", unique=True)
    op.create_table(
        "events",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("subject_type", sa.String(64), nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("data", bharat.data.Document, nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("request_id", sa.String(64)),
        sa.Column("occurred_at", bharat.data.Instant(), nullable=False),
        sa.Column("published_at", bharat.data.Instant()),
        _written(),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_events_organisation_id"),
        sa.UniqueConstraint("organisation_id", "number", name="uq_events_organisation_id_number"),
    )
    _partial("ix_events_unpublished", "events", ["organisation_id", "written", "id"], "number IS NULL")
    op.invoke(ProtectTable("events", platform_access=True))
    op.create_table(
        "event_counters",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_event_counters"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_event_counters_organisation_id"),
    )
    op.invoke(ProtectTable("event_counters"))
    op.create_table(
        "cron_entries",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("last_tick", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cron_entries"),
    )
    op.create_table(
        "cron_ticks",
        sa.Column("entry", sa.String(100), nullable=False),
        sa.Column("tick", bharat.data.Instant(), nullable=False),
        sa.Column("job_id", sa.Uuid, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("entry", "tick", name="pk_cron_ticks"),
    )


def downgrade() -> None:
    for table in ("cron_ticks", "cron_entries", "event_counters", "events", "jobs"):
        op.drop_table(table)


def _written() -> sa.Column[int]:
    """An identity's numbers are drawn by whoever may insert: the application's role needs no right to their sequence."""
    if op.get_bind().dialect.name == "postgresql":
        return sa.Column("written", sa.BigInteger, sa.Identity(always=True), nullable=False)
    return sa.Column("written", sa.BigInteger)


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=condition, sqlite_where=condition)
