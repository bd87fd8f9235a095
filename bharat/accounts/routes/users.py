"""Users: everyone in the organisation may know them, to give work to; administrators change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType

from bharat.accounts.ending import forget_sessions
from bharat.accounts.logins import normal_email
from bharat.accounts.names import Name
from bharat.accounts.routes.bodies import SMALL, Body, Email, Paged, page
from bharat.accounts.service import accounts_of
from bharat.accounts.tables import users
from bharat.accounts.users import add_user, change_user, delete_user, find_user, has_login
from bharat.contracts.errors import FieldFault, Invalid, NotFound
from bharat.contracts.preconditions import IF_MATCH, asked_versions, check_version, etag
from bharat.contracts.principal import Role
from bharat.contracts.route import Needs, Request, Response, Route


class User(msgspec.Struct, kw_only=True):
    """A user. `email` and `has_login` are shown to administrators, and to oneself."""

    id: UUID
    name: str
    role: Role
    active: bool
    team_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    email: str | UnsetType | None = UNSET
    has_login: bool | UnsetType = UNSET


class Users(msgspec.Struct):
    items: list[User]
    next_cursor: str | None


class UserQuery(Paged):
    active: Annotated[bool | None, Meta(description="Only those who are, or are not")] = None
    role: Role | None = None
    team_id: UUID | None = None
    q: Annotated[str, Meta(min_length=1, max_length=100, description="Part of the name")] | None = None


class NewUser(Body):
    """A user without a login, to whom work can be given. Invite the user to give a login."""

    name: Name
    role: Role = Role.AGENT
    email: Email | None = None
    team_id: UUID | None = None


class UserPatch(Body):
    """What is to change. `active: false` ends the user's sessions, keys and mailed links at once and for good; `true` lets the
    user log in again."""

    name: Name | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET


_SHOWN = sa.select(users, has_login().label("has_login")).where(users.c.deleted_at.is_(None))


def list_users(request: Request) -> Users:
    query = request.query
    statement = _SHOWN.order_by(users.c.id).limit(query.limit + 1)
    if query.cursor is not None:
        statement = statement.where(users.c.id > query.cursor)
    for column, wanted in (
        (users.c.active, query.active),
        (users.c.role, query.role),
        (users.c.team_id, query.team_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.q is not None:
        statement = statement.where(users.c.name.icontains(query.q, autoescape=True))
    rows, more = page(request.reader.rows(statement), query.limit)
    return Users([_shown(request, row) for row in rows], more)


def read(request: Request) -> Response:
    row = request.reader.row(_SHOWN.where(users.c.id == request.path["id"]))
    if row is None:
        raise NotFound("There is no such user.")
    return _answer(request, row)


def create(request: Request) -> Response:
    body, unit = request.body, request.unit
    email = normal_email(body.email) if body.email is not None else None
    id = add_user(unit, name=body.name, role=body.role, email=email, team_id=body.team_id)
    response = _answer(request, unit.row(_SHOWN.where(users.c.id == id)))
    response.headers["Location"] = f"/api/v1/users/{id}"
    return response


def change(request: Request) -> Response:
    asked = asked_versions(request)
    unit, user_id = request.unit, request.path["id"]
    row = find_user(unit, user_id, lock="change")
    check_version(asked, row.version, "user")
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(request.body).items() if value is not UNSET
    }
    if values.get("email") is not None:
        values["email"] = normal_email(values["email"])
    if "email" in values and values["email"] != row.email and _has_login(request, user_id):
        raise Invalid(
            "The address is the user's login.",
            faults=[FieldFault("/email", "invite the user at the new address, with user_id, to move the login there")],
        )
    change_user(unit, row, values)
    changed = unit.row(_SHOWN.where(users.c.id == user_id))
    if changed is not None and changed.epoch != row.epoch:
        _end_sessions(request, user_id)
    return _answer(request, changed)


def delete(request: Request) -> None:
    asked = asked_versions(request)
    unit, user_id = request.unit, request.path["id"]
    row = find_user(unit, user_id, lock="delete")
    check_version(asked, row.version, "user")
    delete_user(unit, row)
    _end_sessions(request, user_id)


def _end_sessions(request: Request, user_id: UUID) -> None:
    """Clear the store once the raised epoch, which ends them, is committed."""
    accounts, organisation_id = accounts_of(request.app), request.principal.organisation_id
    request.unit.on_commit(lambda: forget_sessions(accounts, organisation_id, user_id))
    request.unit.on_commit(lambda: request.app.realtime.disconnect(organisation_id, user_id))


def _has_login(request: Request, user_id: UUID) -> bool:
    return bool(request.unit.scalar(sa.select(has_login()).select_from(users).where(users.c.id == user_id)))


def _answer(request: Request, row: Any) -> Response:
    return Response(_shown(request, row), headers={"ETag": etag(row.version)})


def _shown(request: Request, row: Any) -> User:
    principal = request.principal
    private = row.id == principal.user_id or accounts_of(request.app).permissions.allows(principal, "users:write")
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        active=row.active,
        team_id=row.team_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        email=row.email if private else UNSET,
        has_login=row.has_login if private else UNSET,
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/users",
        handler=list_users,
        access=Needs("users:read"),
        summary="Users of the organisation",
        tag="users",
        operation_id="list_users",
        query=UserQuery,
        returns=Users,
    ),
    Route(
        method="GET",
        path="/api/v1/users/{id:uuid}",
        handler=read,
        access=Needs("users:read"),
        summary="A user",
        tag="users",
        operation_id="read_user",
        returns=User,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/api/v1/users",
        handler=create,
        access=Needs("users:write"),
        summary="Add a user without a login",
        tag="users",
        operation_id="create_user",
        body=NewUser,
        max_bytes=SMALL,
        returns=User,
        status=201,
        errors=(409, 422),
    ),
    Route(
        method="PATCH",
        path="/api/v1/users/{id:uuid}",
        handler=change,
        access=Needs("users:write"),
        summary="Change a user; a new role or a deactivation ends its sessions",
        tag="users",
        operation_id="update_user",
        body=UserPatch,
        max_bytes=SMALL,
        returns=User,
        parameters=(IF_MATCH,),
        errors=(404, 409, 412, 422, 428),
    ),
    Route(
        method="DELETE",
        path="/api/v1/users/{id:uuid}",
        handler=delete,
        access=Needs("users:write"),
        summary="Deactivate a user for good and give up its login; records keep naming it",
        tag="users",
        operation_id="delete_user",
        parameters=(IF_MATCH,),
        errors=(404, 409, 412, 428),
    ),
)
