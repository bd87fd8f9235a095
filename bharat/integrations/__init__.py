"""Services that organisations connect to: settings of their own with encrypted secrets, and signed inbound webhooks.

A built-in plugin too: it hands deliveries over in jobs, and forgets them after a while.
"""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.integrations.handling import HAND_OVER
    from bharat.integrations.sweeping import SWEEP

    return [HAND_OVER, SWEEP]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.integrations.sweeping import DAILY

    return [DAILY]
