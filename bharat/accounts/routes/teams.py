"""Teams: everyone in the organisation may know them; administrators change them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from bharat.accounts.names import Description, Region, TeamName
from bharat.accounts.routes.bodies import SMALL, Body, Paged, page
from bharat.accounts.tables import teams
from bharat.accounts.teams import add_team, change_team, delete_team, find_team
from bharat.contracts.errors import NotFound
from bharat.contracts.preconditions import IF_MATCH, asked_versions, check_version, etag
from bharat.contracts.route import Needs, Request, Response, Route


class Team(msgspec.Struct, kw_only=True):
    """A team. Its members' records are seen by its lead and by managers who belong to it."""

    id: UUID
    name: str
    lead_id: UUID | None
    region: str | None
    description: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class Teams(msgspec.Struct):
    items: list[Team]
    next_cursor: str | None


class NewTeam(Body):
    name: TeamName
    lead_id: UUID | None = None
    region: Region | None = None
    description: Description | None = None


class TeamPatch(Body):
    name: TeamName | UnsetType = UNSET
    lead_id: UUID | UnsetType | None = UNSET
    region: Region | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


def list_teams(request: Request) -> Teams:
    query = request.query
    statement = sa.select(teams).order_by(teams.c.id).limit(query.limit + 1)
    if query.cursor is not None:
        statement = statement.where(teams.c.id > query.cursor)
    rows, more = page(request.reader.rows(statement), query.limit)
    return Teams([_shown(row) for row in rows], more)


def read(request: Request) -> Response:
    row = request.reader.row(sa.select(teams).where(teams.c.id == request.path["id"]))
    if row is None:
        raise NotFound("There is no such team.")
    return _answer(row)


def create(request: Request) -> Response:
    body, unit = request.body, request.unit
    id = add_team(unit, name=body.name, lead_id=body.lead_id, region=body.region, description=body.description)
    response = _answer(find_team(unit, id))
    response.headers["Location"] = f"/api/v1/teams/{id}"
    return response


def change(request: Request) -> Response:
    asked = asked_versions(request)
    unit, team_id = request.unit, request.path["id"]
    row = find_team(unit, team_id, lock="change")
    check_version(asked, row.version, "team")
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(request.body).items() if value is not UNSET
    }
    change_team(unit, row, values)
    return _answer(find_team(unit, team_id))


def delete(request: Request) -> None:
    asked = asked_versions(request)
    row = find_team(request.unit, request.path["id"], lock="delete")
    check_version(asked, row.version, "team")
    delete_team(request.unit, row)


def _answer(row: Any) -> Response:
    return Response(_shown(row), headers={"ETag": etag(row.version)})


def _shown(row: Any) -> Team:
    return Team(
        id=row.id,
        name=row.name,
        lead_id=row.lead_id,
        region=row.region,
        description=row.description,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/teams",
        handler=list_teams,
        access=Needs("teams:read"),
        summary="Teams of the organisation",
        tag="users",
        operation_id="list_teams",
        query=Paged,
        returns=Teams,
    ),
    Route(
        method="GET",
        path="/api/v1/teams/{id:uuid}",
        handler=read,
        access=Needs("teams:read"),
        summary="A team",
        tag="users",
        operation_id="read_team",
        returns=Team,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/api/v1/teams",
        handler=create,
        access=Needs("teams:write"),
        summary="Add a team",
        tag="users",
        operation_id="create_team",
        body=NewTeam,
        max_bytes=SMALL,
        returns=Team,
        status=201,
        errors=(409, 422),
    ),
    Route(
        method="PATCH",
        path="/api/v1/teams/{id:uuid}",
        handler=change,
        access=Needs("teams:write"),
        summary="Change a team",
        tag="users",
        operation_id="update_team",
        body=TeamPatch,
        max_bytes=SMALL,
        returns=Team,
        parameters=(IF_MATCH,),
        errors=(404, 409, 412, 422, 428),
    ),
    Route(
        method="DELETE",
        path="/api/v1/teams/{id:uuid}",
        handler=delete,
        access=Needs("teams:write"),
        summary="Remove a team that nobody belongs to and no record names",
        tag="users",
        operation_id="delete_team",
        parameters=(IF_MATCH,),
        errors=(404, 409, 412, 428),
    ),
)
