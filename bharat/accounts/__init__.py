"""Organisations, users, teams, roles, login and API keys. A built-in plugin: its endpoints and jobs come through the hooks."""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.route import Route
from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl


@hookimpl
def bharat_routes() -> Sequence[Route]:
    from bharat.accounts.routes import routes

    return routes()


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.accounts.mails import MAIL
    from bharat.accounts.resets import REQUEST
    from bharat.accounts.sweeping import SWEEP

    return [MAIL, REQUEST, SWEEP]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.accounts.sweeping import DAILY

    return [DAILY]
