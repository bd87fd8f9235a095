"""Forgetting, once a day: what uploads left in the file store that broke off more than a day ago."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from bharat.contracts.storage import UNFINISHED
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec

log = logging.getLogger(__name__)


def _run(job: JobContext) -> None:
    # One that takes longer is swept while it goes on, and fails.
    swept = job.app.storage.sweep(older_than=UNFINISHED)
    log.info("swept %d unfinished uploads", swept)


SWEEP = JobSpec(
    kind="storage.sweep",
    run=_run,
    priority=900,
    time_limit=timedelta(hours=1),
    summary="Remove what interrupted uploads left behind",
)
FORMER = replace(
    SWEEP,
    kind="local.sweep_uploads",
    summary="What storage.sweep was called: runs the jobs that an earlier version enqueued",
)
DAILY = CronEntry(name=SWEEP.kind, schedule="11 4 * * *", job=SWEEP.kind, catch_up=CatchUp.LATEST)
