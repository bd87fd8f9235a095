"""Taking a delivery: found by its address, checked by its signature, stored once together with the job that handles it."""

from __future__ import annotations

import logging
import math
import re
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.application import Application
from bharat.contracts.errors import NotFound, TooLarge, TooManyRequests, Unauthenticated
from bharat.contracts.integrations import MOST_BODY, InboundWebhook, SecretUnreadable, SignedRequest
from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.principal import Actor, ActorKind
from bharat.contracts.route import Parameter, Public, Request, Response, Route, Stream
from bharat.data import new_id
from bharat.integrations import endpoints, standard
from bharat.integrations.handling import HAND_OVER, UNHANDLED_KEPT
from bharat.integrations.service import Service, integrations_of
from bharat.integrations.tables import webhook_bodies, webhook_deliveries
from bharat.work import enqueue
from bharat.work.failure import origin

log = logging.getLogger(__name__)

PATH = "/api/v1/webhooks"
_UNKNOWN = InboundWebhook(handle=lambda job, delivery: None)
"""What an address that leads nowhere is treated as, until its answer."""
_NO_SECRET = standard.new_secret()
_ID = re.compile(r"[!-~]{1,255}")


class Receipt(msgspec.Struct, frozen=True):
    """The delivery was accepted. `duplicate`: it had been before, and has no second effect."""

    duplicate: Annotated[bool, Meta(description="Whether a delivery of this id had been accepted before")]


def receive(request: Request) -> Response:
    """Public: the signature is the permission. It covers the body and, with the default scheme, the delivery's id and a timestamp of
    the last five minutes; it is made with a secret that only the sender and this endpoint know. A delivery is accepted once by its id,
    and handled afterwards. An address that leads nowhere is looked up, read and checked as any other before it is answered."""
    app = request.app
    service = integrations_of(app)
    endpoint = service.endpoints.addressed(request.path["id"])
    webhook = None if endpoint is None else _webhook(service, endpoint)
    body = _body(request, webhook or _UNKNOWN)
    signed = SignedRequest(request.header, body, app.clock.now())
    secrets = _secrets(service, endpoint) if endpoint is not None and webhook is not None else [_NO_SECRET]
    sender_id = _verified(webhook or _UNKNOWN, signed, secrets)
    if endpoint is None or webhook is None:
        raise NotFound("There is no such webhook.")
    if sender_id is None:
        raise Unauthenticated(
            "The delivery is not signed with a secret of this webhook, or was altered, or is not of now."
        )
    _within_limits(app, endpoint, webhook)
    return Response(Receipt(duplicate=not _store(request, endpoint, webhook, sender_id, body)))


def _webhook(service: Service, endpoint: endpoints.Endpoint) -> InboundWebhook | None:
    declared = service.declared.get(endpoint.integration)
    return None if declared is None else declared.item.webhook


def _body(request: Request, webhook: InboundWebhook) -> bytes:
    """The bytes as they came, which is what was signed."""
    parts, size = [], 0
    for chunk in request.stream():
        size += len(chunk)
        if size > webhook.max_body:
            raise TooLarge(f"The content is larger than the {webhook.max_body} bytes this endpoint takes.")
        parts.append(chunk)
    return b"".join(parts)


def _secrets(service: Service, endpoint: endpoints.Endpoint) -> list[str]:
    try:
        return endpoints.texts(service.vault, endpoint)
    except SecretUnreadable as error:
        log.error("a delivery can't be checked: %s", error)
        raise


def _verified(webhook: InboundWebhook, signed: SignedRequest, secrets: list[str]) -> str | None:
    verify = webhook.verify or standard.verify
    try:
        found = verify(signed, secrets)
    except Exception as error:
        # Its words may repeat what was sent, or the secret.
        log.error("the check of a delivery failed, which refuses it:\n%s", origin(error))
        return None
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _within_limits(app: Application, endpoint: endpoints.Endpoint, webhook: InboundWebhook) -> None:
    """Count what was signed: strangers who know the address can't use up what the sender may send."""
    try:
        verdict = app.limits.take(f"webhook:{endpoint.id}", capacity=webhook.burst, per_second=webhook.per_second)
    except LimitsUnavailable as error:
        log.warning("deliveries to webhooks are not counted: %s", error)
        return
    if not verdict.allowed:
        seconds = max(1, math.ceil(verdict.retry_after.total_seconds()))
        raise TooManyRequests("This webhook takes no more just now.", headers={"Retry-After": str(seconds)})


def _store(
    request: Request, endpoint: endpoints.Endpoint, webhook: InboundWebhook, sender_id: str, body: bytes
) -> bool:
    """Whether it is new. The delivery, its body and its job are one commit."""
    database = request.app.database
    content_type = request.header("Content-Type")
    row = {
        "id": new_id(),
        "endpoint_id": endpoint.id,
        "sender_id": sender_id,
        "content_type": None if content_type is None else _storable(content_type)[:255],
        "headers": {
            name.lower(): _storable(text) for name in webhook.headers if (text := request.header(name)) is not None
        },
    }
    actor = Actor(ActorKind.SYSTEM, None, request.id)
    with database.write(endpoint.organisation_id, actor) as unit:
        row["received_at"] = unit.at
        insert = (postgresql.insert if database.dialect == "postgresql" else sqlite.insert)(webhook_deliveries)
        if unit.row(insert.on_conflict_do_nothing().returning(webhook_deliveries.c.id), row) is None:
            return False
        unit.append(webhook_bodies, {"delivery_id": row["id"], "body": body, "keep_until": unit.at + UNHANDLED_KEPT})
        enqueue(unit, HAND_OVER, {"delivery": str(row["id"])})
    return True


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _parameter(name: str, description: str) -> Parameter:
    return Parameter(name=name, location="header", description=description)


RECEIVE = Route(
    method="POST",
    path=f"{PATH}/{{id}}",
    handler=receive,
    access=Public(),
    summary="Take a signed delivery of another service",
    tag="webhooks",
    operation_id="receive_webhook",
    body=Stream(("*/*",), max_bytes=MOST_BODY),
    parameters=(
        _parameter("webhook-id", "The delivery's id (Standard Webhooks); other schemes have headers of their own."),
        _parameter("webhook-timestamp", "When it was sent, in seconds since 1970-01-01 UTC."),
        _parameter("webhook-signature", "One or several signatures, `v1,` and base64, separated by spaces."),
    ),
    returns=Receipt,
    status=202,
    errors=(401, 413, 429),
    replays=False,
)
