"""One's own organisation; there is no endpoint for any other."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from bharat.accounts.names import Name, trimmed
from bharat.accounts.routes.bodies import SMALL, Body
from bharat.accounts.trail import note
from bharat.contracts.database import Reader
from bharat.contracts.errors import NotFound
from bharat.contracts.preconditions import IF_MATCH, asked_versions, check_version, etag
from bharat.contracts.route import Needs, Request, Response, Route
from bharat.data.organisations import organisations
from bharat.data.row_locks import locked


class Organisation(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    slug: str
    version: int
    created_at: datetime


class OrganisationPatch(Body):
    name: Name


_OWN = sa.select(organisations).where(organisations.c.id == sa.bindparam("own", type_=sa.Uuid))


def read(request: Request) -> Response:
    return _answer(_found(request.reader, request, _OWN))


def change(request: Request) -> Response:
    asked = asked_versions(request)
    unit, name = request.unit, trimmed(request.body.name)
    before = _found(unit, request, locked(_OWN, "change"))
    check_version(asked, before.version, "organisation")
    if before.name == name:
        return _answer(before)
    written = organisations.update().where(organisations.c.id == before.id)
    unit.execute(written.values(name=name, version=before.version + 1))
    note(unit, "updated", "organisation", before.id, {"name": (before.name, name)})
    return _answer(msgspec.structs.replace(before, name=name, version=before.version + 1))


def _found(reader: Reader, request: Request, statement: sa.Select[Any]) -> Organisation:
    row = reader.row(statement, {"own": request.principal.organisation_id})
    if row is None:
        raise NotFound("The organisation does not exist any more.")
    return Organisation(id=row.id, name=row.name, slug=row.slug, version=row.version, created_at=row.created_at)


def _answer(organisation: Organisation) -> Response:
    return Response(organisation, headers={"ETag": etag(organisation.version)})


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/organisation",
        handler=read,
        access=Needs("organisation:read"),
        summary="One's organisation",
        tag="accounts",
        operation_id="read_organisation",
        returns=Organisation,
    ),
    Route(
        method="PATCH",
        path="/api/v1/organisation",
        handler=change,
        access=Needs("settings:write"),
        summary="Rename one's organisation",
        tag="accounts",
        operation_id="update_organisation",
        body=OrganisationPatch,
        max_bytes=SMALL,
        returns=Organisation,
        parameters=(IF_MATCH,),
        errors=(412, 422, 428),
    ),
)
