"""Oneself: who one is, one's sessions, one's password."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bharat.accounts.ending import end_one_session, end_other_sessions, live_sessions
from bharat.accounts.logins import change_password
from bharat.accounts.routes.bodies import SMALL, Body, Password, caller_of, session_of
from bharat.accounts.service import Accounts, accounts_of
from bharat.accounts.tables import users
from bharat.contracts.errors import NotFound, Unauthenticated
from bharat.contracts.principal import Principal, Role
from bharat.contracts.route import Authenticated, LoginCookie, Request, Response, Route
from bharat.data.organisations import organisations

_HANDLE = re.compile(r"[0-9a-f]{32}")


class Me(msgspec.Struct, kw_only=True):
    """The caller. `permissions` is what it may do; `scopes` limits an API key and is null for a session."""

    id: UUID
    name: str
    email: str | None
    role: Role
    organisation_id: UUID
    organisation: str
    team_ids: list[UUID]
    permissions: list[str]
    scopes: list[str] | None


class OwnSession(msgspec.Struct, kw_only=True):
    """A place where one is logged in. `handle` names it and can't log in."""

    handle: str
    current: bool
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None


class OwnSessions(msgspec.Struct):
    items: list[OwnSession]


class Ended(msgspec.Struct):
    """How many sessions ended."""

    ended: int


class PasswordChange(Body):
    current_password: Password
    new_password: Annotated[str, Meta(min_length=1, max_length=1024, description="At least 12 characters by default")]


def me_of(accounts: Accounts, principal: Principal) -> Me:
    """What a principal may know of itself."""
    statement = (
        sa.select(users.c.name, users.c.email, organisations.c.name.label("organisation"))
        .select_from(users.join(organisations, organisations.c.id == users.c.organisation_id))
        .where(users.c.id == principal.user_id)
    )
    row = accounts.app.database.read(principal.organisation_id).row(statement)
    if row is None:
        raise Unauthenticated("This user does not exist any more.")
    return Me(
        id=principal.user_id,
        name=row.name,
        email=row.email,
        role=principal.role,
        organisation_id=principal.organisation_id,
        organisation=row.organisation,
        team_ids=list(principal.team_ids),
        permissions=accounts.permissions.hold(principal),
        scopes=None if principal.scopes is None else sorted(principal.scopes),
    )


def read_me(request: Request) -> Me:
    return me_of(accounts_of(request.app), request.principal)


def list_sessions(request: Request) -> OwnSessions:
    principal, _ = session_of(request)
    _, live = live_sessions(accounts_of(request.app), principal)
    return OwnSessions(
        [
            OwnSession(
                handle=session.handle,
                current=session.handle == principal.session,
                created_at=session.created_at,
                seen_at=session.seen_at,
                expires_at=session.expires_at,
                address=session.address,
                user_agent=session.user_agent,
            )
            for session in live
        ]
    )


def end_one(request: Request) -> None:
    principal, _ = session_of(request)
    handle = str(request.path["handle"])
    if not _HANDLE.fullmatch(handle):
        raise _no_session()
    if not end_one_session(accounts_of(request.app), principal, handle):
        raise _no_session()


def _no_session() -> NotFound:
    return NotFound("You have no such session.")


def end_others(request: Request) -> Response:
    principal, token = session_of(request)
    accounts = accounts_of(request.app)
    fresh, ended = end_other_sessions(accounts, principal, token)
    return Response(Ended(ended), cookies=[LoginCookie(fresh, accounts.policy.session_absolute)])


def new_password(request: Request) -> Response:
    principal, token = session_of(request)
    accounts, body = accounts_of(request.app), request.body
    fresh = change_password(accounts, principal, token, body.current_password, body.new_password, caller_of(request))
    return Response(cookies=[LoginCookie(fresh, accounts.policy.session_absolute)])


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/me",
        handler=read_me,
        access=Authenticated(),
        summary="Who is calling, and what it may do",
        tag="accounts",
        operation_id="read_me",
        returns=Me,
    ),
    Route(
        method="GET",
        path="/api/v1/me/sessions",
        handler=list_sessions,
        access=Authenticated(by_login=True),
        summary="Where one is logged in, newest login first",
        tag="accounts",
        operation_id="list_own_sessions",
        returns=OwnSessions,
        errors=(403, 503),
    ),
    Route(
        method="DELETE",
        path="/api/v1/me/sessions/{handle}",
        handler=end_one,
        access=Authenticated(by_login=True),
        summary="End one of one's sessions",
        tag="accounts",
        operation_id="end_own_session",
        errors=(403, 404, 503),
    ),
    Route(
        method="DELETE",
        path="/api/v1/me/sessions",
        handler=end_others,
        access=Authenticated(by_login=True),
        summary="End all of one's sessions but this one, which gets a new cookie",
        tag="accounts",
        operation_id="end_other_sessions",
        returns=Ended,
        errors=(403, 409, 503),
    ),
    Route(
        method="PUT",
        path="/api/v1/me/password",
        handler=new_password,
        access=Authenticated(by_login=True),
        summary="Change one's password; all other sessions end and this one gets a new cookie",
        tag="accounts",
        operation_id="change_password",
        body=PasswordChange,
        max_bytes=SMALL,
        errors=(403, 409, 422, 429, 503),
    ),
)
