"""API keys: one's own, and for administrators everybody's to see and revoke."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bharat.accounts.keys import add_key, live_keys, revoke_key
from bharat.accounts.names import LINE, LINE_TOLD, trimmed
from bharat.accounts.routes.bodies import SMALL, Body, Paged, page, session_of
from bharat.accounts.service import accounts_of
from bharat.accounts.tables import api_keys
from bharat.contracts.phrasing import TOLD
from bharat.contracts.route import Authenticated, Request, Response, Route

Scope = Annotated[str, Meta(min_length=1, max_length=120)]
KeyName = Annotated[str, Meta(min_length=1, max_length=100, pattern=LINE, extra={TOLD: LINE_TOLD})]


class Key(msgspec.Struct, kw_only=True):
    """An API key; `hint` is how its text ends. `last_used_at` is noted at most once a minute."""

    id: UUID
    user_id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class KeyOnce(Key, kw_only=True):
    """The key with its text, shown this once."""

    key: str


class Keys(msgspec.Struct):
    items: list[Key]
    next_cursor: str | None


class KeyQuery(Paged):
    everyone: Annotated[bool, Meta(description="All users' keys: for administrators")] = False


class NewKey(Body):
    """`scopes` are permissions such as `deals:read`, `*:read`, or `*` for all that one's role may do."""

    name: KeyName
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=100)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


def list_keys(request: Request) -> Keys:
    principal, query = request.principal, request.query
    if query.everyone:
        accounts_of(request.app).permissions.require(principal, "users:write")
    statement = live_keys(None if query.everyone else principal.user_id).limit(query.limit + 1)
    if query.cursor is not None:
        statement = statement.where(api_keys.c.id > query.cursor)
    rows, more = page(request.reader.rows(statement), query.limit)
    return Keys([Key(**_fields(row)) for row in rows], more)


def create(request: Request) -> Response:
    principal, _ = session_of(request)
    body, unit = request.body, request.unit
    scopes = accounts_of(request.app).permissions.check_scopes(body.scopes)
    id, text = add_key(unit, principal.user_id, name=trimmed(body.name), scopes=scopes, expires_at=body.expires_at)
    row = unit.row(sa.select(api_keys).where(api_keys.c.id == id))
    return Response(KeyOnce(**_fields(row), key=text), headers={"Cache-Control": "no-store"})


def revoke(request: Request) -> None:
    principal, _ = session_of(request)
    anybodys = accounts_of(request.app).permissions.allows(principal, "users:write")
    revoke_key(request.unit, request.path["id"], owner_id=None if anybodys else principal.user_id)


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Key.__struct_fields__}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/api-keys",
        handler=list_keys,
        access=Authenticated(),
        summary="One's API keys",
        tag="accounts",
        operation_id="list_api_keys",
        query=KeyQuery,
        returns=Keys,
        errors=(403,),
    ),
    Route(
        method="POST",
        path="/api/v1/api-keys",
        handler=create,
        access=Authenticated(by_login=True),
        summary="Make an API key; its text is in this answer only, which is never stored for a replay",
        tag="accounts",
        operation_id="create_api_key",
        body=NewKey,
        max_bytes=SMALL,
        returns=KeyOnce,
        status=201,
        errors=(403, 422),
        replays=False,
    ),
    Route(
        method="DELETE",
        path="/api/v1/api-keys/{id:uuid}",
        handler=revoke,
        access=Authenticated(by_login=True),
        summary="Revoke an API key at once: one's own, or as an administrator anybody's",
        tag="accounts",
        operation_id="revoke_api_key",
        errors=(403, 404),
    ),
)
