"""An integration: a doorbell that says by a signed webhook that somebody rang, with settings of each organisation."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bharat.contracts.integrations import InboundDelivery, InboundWebhook, Integration
from bharat.contracts.work import GiveUp, JobContext


class DoorbellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an organisation says of its doorbell."""

    api_token: Annotated[str, Meta(min_length=8, description="The token of the doorbell's API", extra={"secret": True})]
    door: Annotated[str, Meta(min_length=1, max_length=60, description="Where it hangs")] = "front door"


class Ring(msgspec.Struct):
    """What the doorbell sends."""

    visitor: Annotated[str, Meta(max_length=200)]


def _rang(job: JobContext, delivery: InboundDelivery) -> None:
    """Handled again it writes the same file again."""
    app = job.app
    settings = app.integrations.settings(app.database.read(delivery.organisation_id), DOORBELL.name)
    door = settings.door if isinstance(settings, DoorbellSettings) else "an unknown door"
    try:
        ring = msgspec.json.decode(delivery.body, type=Ring)
    except msgspec.DecodeError:
        raise GiveUp("the doorbell sent something that is no ring") from None
    text = f"{ring.visitor} at the {door}"
    app.storage.put(f"sample/rings/{delivery.id}.txt", [text.encode()], content_type="text/plain")


DOORBELL = Integration(
    name="doorbell",
    label="Doorbell",
    description="Writes down who rang.",
    settings=DoorbellSettings,
    webhook=InboundWebhook(handle=_rang),
)
