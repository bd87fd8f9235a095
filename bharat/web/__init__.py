"""The web: routes on Falcon, problem+json, idempotency, OpenAPI and the platform's own endpoints.

A built-in plugin too: it sweeps the remembered answers whose time is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.web.sweep import SWEEP

    return [SWEEP]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.web.sweep import HOURLY

    return [HOURLY]
