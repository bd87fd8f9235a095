"""Right backends that can go away: what `bharat new-plugin` begins with, in a store that may not answer.

The suites are proven with them, and the documentation's examples stand on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from bharat.cli.templates.jobs import NewPluginOptions as JobsOptions
from bharat.cli.templates.jobs.jobs import NewPluginJobs
from bharat.cli.templates.limits import NewPluginOptions as LimitsOptions
from bharat.cli.templates.limits.limits import Counts, NewPluginLimits
from bharat.cli.templates.locks import NewPluginOptions as LocksOptions
from bharat.cli.templates.locks.leases import Away, Leases
from bharat.cli.templates.locks.locks import NewPluginLocks
from bharat.cli.templates.sessions import NewPluginOptions as SessionsOptions
from bharat.cli.templates.sessions.sessions import NewPluginSessions, Row
from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.platform import Platform
from bharat.contracts.sessions import SessionsUnavailable


class RemoteJobs(NewPluginJobs):
    answers = True

    def __init__(self, platform: Platform) -> None:
        super().__init__(JobsOptions(look=0.02), platform)

    def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
        if self.answers:
            super().wake(job_id, queue=queue, at=at)


class RemoteLimits(NewPluginLimits):
    answers = True

    def __init__(self, platform: Platform) -> None:
        super().__init__(LimitsOptions(), platform)

    @contextmanager
    def _counted(self) -> Iterator[tuple[Counts, float]]:
        if not self.answers:
            raise LimitsUnavailable("the counters do not answer")
        with super()._counted() as counted:
            yield counted


class RemoteLeases(Leases):
    answers = True


class RemoteLocks(NewPluginLocks):
    def __init__(self, platform: Platform, leases: RemoteLeases) -> None:
        super().__init__(LocksOptions(poll=0.005), platform, leases)
        self.leases = leases

    @contextmanager
    def _asked(self) -> Iterator[Leases]:
        if not self.leases.answers:
            raise Away
        with super()._asked() as leases:
            yield leases


class RemoteSessions(NewPluginSessions):
    answers = True

    def __init__(self, platform: Platform) -> None:
        super().__init__(SessionsOptions(), platform)

    @contextmanager
    def _rows(self) -> Iterator[dict[str, Row]]:
        if not self.answers:
            raise SessionsUnavailable("the session store does not answer")
        with super()._rows() as rows:
            yield rows
