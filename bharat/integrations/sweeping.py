"""Forgetting what was delivered: bodies soon after they were handled, ids later, and secrets that have expired."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from bharat.contracts.application import Application
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.data import sweeping as data
from bharat.data.organisations import organisations
from bharat.integrations.handling import UNHANDLED_KEPT
from bharat.integrations.tables import integration_secrets, webhook_bodies, webhook_deliveries, webhook_endpoints

REMEMBERED = UNHANDLED_KEPT + timedelta(days=30)
"""How long a delivery's id is known, so that a replay has no effect. The default scheme refuses it for its timestamp long before."""


def sweep(app: Application) -> int:
    """Delete what ended; how many rows. What others refer to goes after them."""
    database = app.database
    now, forgotten = database.now(), database.after(-REMEMBERED)
    bodies, deliveries = webhook_bodies.alias(), webhook_deliveries.alias()
    has_body = sa.exists().where(
        bodies.c.organisation_id == webhook_deliveries.c.organisation_id,
        bodies.c.delivery_id == webhook_deliveries.c.id,
    )
    has_delivery = sa.exists().where(
        deliveries.c.organisation_id == webhook_endpoints.c.organisation_id,
        deliveries.c.endpoint_id == webhook_endpoints.c.id,
    )
    ended = (
        (webhook_bodies, webhook_bodies.c.keep_until < now),
        (webhook_deliveries, sa.and_(webhook_deliveries.c.received_at < forgotten, ~has_body)),
        (webhook_endpoints, sa.and_(webhook_endpoints.c.ended_at < forgotten, ~has_delivery)),
        (integration_secrets, integration_secrets.c.expires_at < now),
    )
    count = 0
    for (organisation_id,) in database.read(None).rows(sa.select(organisations.c.id)):
        count += sum(data.sweep(database, organisation_id, table, condition) for table, condition in ended)
    return count


def _run(job: JobContext) -> None:
    sweep(job.app)


SWEEP = JobSpec(
    kind="integrations.sweep", run=_run, priority=900, time_limit=timedelta(hours=1),
    summary="Forget old deliveries of webhooks and expired secrets",
)  # fmt: skip
DAILY = CronEntry(name="integrations.sweep", schedule="53 3 * * *", job=SWEEP.kind, catch_up=CatchUp.LATEST)
