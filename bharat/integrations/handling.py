"""The job that hands a delivery over to its plugin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.integrations import InboundDelivery
from bharat.contracts.principal import Actor, ActorKind
from bharat.contracts.work import GiveUp, JobContext, JobSpec
from bharat.integrations.service import integrations_of
from bharat.integrations.tables import webhook_bodies, webhook_deliveries, webhook_endpoints

HANDLED_KEPT = timedelta(days=7)
"""How long a body is kept once it was handled."""
UNHANDLED_KEPT = timedelta(days=100)
"""How long else: longer than a dead job, which may be replayed, is kept."""

_deliveries, _bodies = webhook_deliveries.c, webhook_bodies.c
_FIND = (
    sa.select(*_deliveries, webhook_endpoints.c.integration, _bodies.body)
    .select_from(
        webhook_deliveries.join(
            webhook_endpoints,
            sa.and_(
                webhook_endpoints.c.organisation_id == _deliveries.organisation_id,
                webhook_endpoints.c.id == _deliveries.endpoint_id,
            ),
        ).outerjoin(
            webhook_bodies,
            sa.and_(_bodies.organisation_id == _deliveries.organisation_id, _bodies.delivery_id == _deliveries.id),
        )
    )
    .where(_deliveries.id == sa.bindparam("delivery", type_=sa.Uuid))
)


def _hand_over(job: JobContext) -> None:
    id, database = UUID(str(job.payload["delivery"])), job.app.database
    row = database.read(job.organisation_id).row(_FIND, {"delivery": id})
    if row is None or row.handled_at is not None:
        return
    declared = integrations_of(job.app).declared.get(row.integration)
    if declared is None or declared.item.webhook is None:
        raise GiveUp(
            f"no enabled plugin takes deliveries for the integration {row.integration!r}: enable it, then replay this job"
        )
    if row.body is None:
        raise GiveUp("the content of this delivery is not kept any more")
    delivery = InboundDelivery(
        id=id,
        organisation_id=row.organisation_id,
        integration=row.integration,
        sender_id=row.sender_id,
        received_at=row.received_at,
        content_type=row.content_type,
        headers=dict(row.headers),
        body=bytes(row.body),
    )
    handling = _Handling(job, id)
    declared.item.webhook.handle(replace(job, finish_in=handling.finish_in), delivery)
    if not handling.finished:
        with database.write(job.organisation_id, Actor(ActorKind.SYSTEM, None, job.request_id)) as unit:
            handling.finish_in(unit)


class _Handling:
    """One attempt to handle a delivery."""

    def __init__(self, job: JobContext, delivery: UUID) -> None:
        self._job = job
        self._delivery = delivery
        self.finished = False

    def finish_in(self, unit: Unit) -> None:
        """Mark job and delivery done in this unit."""
        self._job.finish_in(unit)
        unit.execute(webhook_deliveries.update().where(_deliveries.id == self._delivery).values(handled_at=unit.at))
        kept = webhook_bodies.update().where(_bodies.delivery_id == self._delivery)
        unit.execute(kept.values(keep_until=unit.at + HANDLED_KEPT))
        unit.on_commit(self._set_finished)

    def _set_finished(self) -> None:
        self.finished = True


HAND_OVER = JobSpec(
    kind="integrations.delivery", run=_hand_over, summary="Hand a webhook's delivery over to its plugin"
)
