"""Forgetting what has ended: expired sessions, that they were ended, budgets, invitations, resets and keys. One organisation at a time, since nobody
may look into several at once."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from bharat.accounts.tables import api_keys, ended_sessions, invitations, password_resets
from bharat.contracts.application import Application
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.data import sweeping as data
from bharat.data.organisations import organisations

KEPT = timedelta(days=30)
"""How long what ended can still be looked at."""


def sweep(app: Application) -> int:
    """Delete what ended; how many rows."""
    count = app.sessions.sweep() + app.limits.sweep()
    before = app.database.after(-KEPT)
    ended = (
        (ended_sessions, ended_sessions.c.keep_until < app.database.now()),
        (invitations, sa.or_(invitations.c.expires_at < before, invitations.c.revoked_at < before)),
        (password_resets, password_resets.c.expires_at < before),
        (api_keys, sa.or_(api_keys.c.expires_at < before, api_keys.c.revoked_at < before)),
    )
    for (organisation_id,) in app.database.read(None).rows(sa.select(organisations.c.id)):
        count += sum(data.sweep(app.database, organisation_id, table, condition) for table, condition in ended)
    return count


def _run(job: JobContext) -> None:
    sweep(job.app)


SWEEP = JobSpec(kind="accounts.sweep", run=_run, priority=900, summary="Forget expired sessions, invitations and keys")
DAILY = CronEntry(name="accounts.sweep", schedule="23 3 * * *", job=SWEEP.kind, catch_up=CatchUp.LATEST)
