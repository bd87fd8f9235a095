"""Invitations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from bharat.accounts.inviting import accept, invite, open_invitations, withdraw
from bharat.accounts.logins import normal_email
from bharat.accounts.names import Name, trimmed
from bharat.accounts.routes.bodies import SMALL, Body, Email, Paged, Password, Token, caller_of, page
from bharat.accounts.service import accounts_of
from bharat.accounts.tables import invitations
from bharat.contracts.principal import Role
from bharat.contracts.route import Needs, Public, Request, Response, Route


class NewInvitation(Body):
    """`user_id` gives a login to a user who has none, or another address; role, team and name are then that user's."""

    email: Email
    role: Role = Role.AGENT
    name: Name | None = None
    team_id: UUID | None = None
    user_id: UUID | None = None


class Invitation(msgspec.Struct, kw_only=True):
    """An invitation that waits to be accepted."""

    id: UUID
    email: str
    role: Role
    name: str | None
    team_id: UUID | None
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime


class Invitations(msgspec.Struct):
    items: list[Invitation]
    next_cursor: str | None


class Acceptance(Body):
    """`name` is needed when the invitation holds none."""

    token: Token
    password: Password
    name: Name | None = None


class Accepted(msgspec.Struct):
    """The user who can log in now."""

    user_id: UUID


def create(request: Request) -> Response:
    body = request.body
    id = invite(
        accounts_of(request.app),
        request.unit,
        email=normal_email(body.email),
        role=body.role,
        name=trimmed(body.name) if body.name is not None else None,
        team_id=body.team_id,
        user_id=body.user_id,
    )
    row = request.unit.row(sa.select(invitations).where(invitations.c.id == id))
    return Response(_shown(row), headers={"Location": f"/api/v1/invitations/{id}"})


def list_open(request: Request) -> Invitations:
    query = request.query
    rows, more = page(request.reader.rows(open_invitations(query.limit + 1, query.cursor)), query.limit)
    return Invitations([_shown(row) for row in rows], more)


def revoke(request: Request) -> None:
    withdraw(request.unit, request.path["id"])


def take(request: Request) -> Accepted:
    """Public: who is invited has no login yet; the token from the mail is the proof."""
    body = request.body
    name = trimmed(body.name) if body.name is not None else None
    return Accepted(accept(accounts_of(request.app), body.token, body.password, name, caller_of(request)))


def _shown(row: Any) -> Invitation:
    return Invitation(
        id=row.id,
        email=row.email,
        role=Role(row.role),
        name=row.name,
        team_id=row.team_id,
        user_id=row.user_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/invitations",
        handler=list_open,
        access=Needs("users:write"),
        summary="Invitations that wait",
        tag="users",
        operation_id="list_invitations",
        query=Paged,
        returns=Invitations,
    ),
    Route(
        method="POST",
        path="/api/v1/invitations",
        handler=create,
        access=Needs("users:write"),
        summary="Invite somebody by mail",
        tag="users",
        operation_id="create_invitation",
        body=NewInvitation,
        max_bytes=SMALL,
        returns=Invitation,
        status=201,
        errors=(404, 409, 422),
    ),
    Route(
        method="DELETE",
        path="/api/v1/invitations/{id:uuid}",
        handler=revoke,
        access=Needs("users:write"),
        summary="Withdraw an invitation",
        tag="users",
        operation_id="revoke_invitation",
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/api/v1/invitations/accept",
        handler=take,
        access=Public(),
        summary="Accept an invitation with the token from the mail and choose a password",
        tag="accounts",
        operation_id="accept_invitation",
        body=Acceptance,
        max_bytes=SMALL,
        returns=Accepted,
        status=201,
        errors=(409, 422, 429, 503),
        replays=False,
    ),
)
