"""Forgetting: answers kept for an idempotency key, once their time is over."""

from __future__ import annotations

from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.data.sweeping import sweep
from bharat.web.idempotency import idempotency_keys


def _sweep(job: JobContext) -> None:
    database = job.app.database
    sweep(database, None, idempotency_keys, idempotency_keys.c.expires_at < database.now())


SWEEP = JobSpec(kind="web.sweep_idempotency_keys", run=_sweep, summary="Forget answers older than a day")
HOURLY = CronEntry(name="web.sweep_idempotency_keys", schedule="17 * * * *", job=SWEEP.kind, catch_up=CatchUp.LATEST)
