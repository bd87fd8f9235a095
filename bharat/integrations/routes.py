"""The endpoints of administrators: what is installed, what is set up, and webhooks. Each integration has its own, so that its settings
are decoded, and told in the API document, as any other body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from bharat.contracts.application import Application
from bharat.contracts.database import Reader
from bharat.contracts.preconditions import IF_MATCH, asked_versions, etag
from bharat.contracts.route import Needs, Request, Response, Route
from bharat.integrations import endpoints, receiving, settings
from bharat.integrations.declared import PATH, Declared
from bharat.integrations.service import Service, integrations_of
from bharat.plugins import Owned

_TAG, _WEBHOOKS = "integrations", "webhooks"
_READ, _WRITE = Needs("integrations:read"), Needs("integrations:write")
_LARGEST = 64 * 1024
_DAY = 24 * 3600


class SecretState(msgspec.Struct, frozen=True):
    """A secret is never shown: only whether there is one, and its last change."""

    set: bool
    changed_at: datetime | None
    changed_by: UUID | None


class IntegrationState(msgspec.Struct, frozen=True):
    """An installed integration as the organisation has set it up. `receives`: the service may call a webhook."""

    name: str
    label: str
    description: str
    set_up: bool
    settings: dict[str, Any] | None
    secrets: dict[str, SecretState]
    receives: bool
    version: int
    changed_at: datetime | None
    changed_by: UUID | None


class IntegrationStates(msgspec.Struct, frozen=True):
    items: list[IntegrationState]


class SigningSecret(msgspec.Struct, frozen=True):
    """A secret that signs deliveries, never shown here. `expires_at`: until when one that was replaced is still valid."""

    created_at: datetime
    expires_at: datetime | None


class Webhook(msgspec.Struct, frozen=True):
    """Where the service sends to, and what with; the newest secret last."""

    url: str
    created_at: datetime
    signing_secrets: list[SigningSecret]


class WebhookOnce(Webhook, frozen=True):
    """With the secret that was made, shown this once; `null` when you sent it."""

    secret: str | None


class NewSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What signs from now on. Left out, a secret is made and shown once."""

    secret: Annotated[
        str,
        Meta(min_length=1, max_length=512, description="The secret, where the sender dictates it", extra_json_schema={"writeOnly": True}),
    ] | None = None  # fmt: skip
    previous_valid_for: Annotated[
        int, Meta(ge=0, le=_DAY, description="Seconds for which earlier secrets stay valid; 0 ends them at once")
    ] = _DAY


def integration_routes(service: Service) -> Sequence[Owned[Route]]:
    """All of them, owned by the plugin that declares the integration; the common ones by this room."""
    return [
        Owned(_TAG, _list(service)),
        Owned(_TAG, receiving.RECEIVE),
        *(
            Owned(declared.plugin, route)
            for declared in service.declared.values()
            for route in (*_of_settings(declared), *(_of_webhook(declared) if declared.item.webhook else ()))
        ),
    ]


def _list(service: Service) -> Route:
    def list_integrations(request: Request) -> IntegrationStates:
        """What is installed, and whether it is set up."""
        found = settings.current(request.reader, list(service.declared))
        return IntegrationStates([_state(one, found.get(one.name)) for one in service.declared.values()])

    return Route(
        method="GET", path=PATH, handler=list_integrations, access=_READ, summary="List integrations", tag=_TAG,
        operation_id="list_integrations", returns=IntegrationStates,
    )  # fmt: skip


def _of_settings(declared: Declared) -> Sequence[Route]:
    name, label, path = declared.name, declared.item.label, declared.path

    def read(request: Request) -> Response:
        """Secrets are told as set or not, with their last change."""
        return _answer(request.reader, declared)

    def put(request: Request) -> Response:
        """All settings at once: what is left out takes its default, but a secret that is left out stays as it is."""
        asked = asked_versions(request)
        settings.put(request.unit, integrations_of(request.app).vault, declared, request.body, asked)
        return _answer(request.unit, declared)

    def delete(request: Request) -> None:
        """The secrets are gone at once. A webhook stays open until it is closed."""
        settings.delete(request.unit, declared, asked_versions(request))

    return (
        Route(
            method="GET", path=path, handler=read, access=_READ, summary=f"Read the settings of {label}", tag=_TAG,
            operation_id=f"read_integration_{name}", returns=IntegrationState,
        ),
        Route(
            method="PUT", path=path, handler=put, access=_WRITE, summary=f"Set {label} up", tag=_TAG,
            operation_id=f"put_integration_{name}", body=declared.body, parameters=(IF_MATCH,), returns=IntegrationState,
            max_bytes=_LARGEST, errors=(412, 428),
        ),
        Route(
            method="DELETE", path=path, handler=delete, access=_WRITE, summary=f"Forget the settings of {label}", tag=_TAG,
            operation_id=f"delete_integration_{name}", parameters=(IF_MATCH,), errors=(404, 412, 428),
        ),
    )  # fmt: skip


def _of_webhook(declared: Declared) -> Sequence[Route]:
    name, label, path = declared.name, declared.item.label, f"{declared.path}/webhook"

    def read(request: Request) -> Webhook:
        return Webhook(**_shown(request.app, request.reader, declared))

    def rotate(request: Request) -> Response:
        """Opens the webhook the first time. The secret is in this answer only, which is never stored for a replay."""
        body: NewSecret = request.body
        overlap = timedelta(seconds=body.previous_valid_for)
        vault = integrations_of(request.app).vault
        _, text = endpoints.open_or_rotate(request.unit, vault, declared, body.secret, overlap)
        shown = _shown(request.app, request.unit, declared)
        once = WebhookOnce(**shown, secret=text if body.secret is None else None)
        return Response(once, headers={"Cache-Control": "no-store"})

    def close(request: Request) -> None:
        """Its address leads nowhere from now on; what was accepted is still handled."""
        endpoints.close(request.unit, declared)

    return (
        Route(
            method="GET", path=path, handler=read, access=_READ, summary=f"Read the webhook of {label}", tag=_WEBHOOKS,
            operation_id=f"read_webhook_{name}", returns=Webhook, errors=(404,),
        ),
        Route(
            method="POST", path=path, handler=rotate, access=_WRITE, tag=_WEBHOOKS,
            summary=f"Open the webhook of {label}, or give it a new signing secret", operation_id=f"rotate_webhook_{name}",
            body=NewSecret, returns=WebhookOnce, status=201, errors=(409,), replays=False,
        ),
        Route(
            method="DELETE", path=path, handler=close, access=_WRITE, summary=f"Close the webhook of {label}", tag=_WEBHOOKS,
            operation_id=f"close_webhook_{name}", errors=(404,),
        ),
    )  # fmt: skip


def _answer(reader: Reader, declared: Declared) -> Response:
    state = _state(declared, settings.current(reader, [declared.name]).get(declared.name))
    return Response(state, headers={"ETag": etag(state.version)})


def _state(declared: Declared, found: settings.Current | None) -> IntegrationState:
    current = found or settings.NEVER
    plain = {field: current.plain[field] for field in declared.plain if field in current.plain}
    return IntegrationState(
        name=declared.name,
        label=declared.item.label,
        description=declared.item.description,
        set_up=current.set_up,
        settings=plain if current.set_up else None,
        secrets={field: _secret(current.secrets.get(field)) for field in sorted(declared.secrets)},
        receives=declared.item.webhook is not None,
        version=current.version,
        changed_at=current.changed_at,
        changed_by=current.changed_by,
    )


def _secret(row: Any) -> SecretState:
    if row is None:
        return SecretState(set=False, changed_at=None, changed_by=None)
    return SecretState(set=True, changed_at=row.changed_at, changed_by=row.changed_by)


def _shown(app: Application, reader: Reader, declared: Declared) -> Mapping[str, Any]:
    endpoint = integrations_of(app).endpoints.of(reader, declared)
    return {
        "url": f"{app.public_url}{receiving.PATH}/{endpoint.token}",
        "created_at": endpoint.created_at,
        "signing_secrets": [SigningSecret(row.changed_at, row.expires_at) for row in endpoint.signed_by],
    }
