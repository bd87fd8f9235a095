"""One's own organisation; there is no endpoint for any other."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from bharat.accounts.names import Name, trimmed
from bharat.accounts.routes.bodies import Body
from bharat.accounts.trail import note
from bharat.contracts.database import Reader
from bharat.contracts.errors import NotFound
from bharat.contracts.route import Needs, Request, Route
from bharat.data.organisations import organisations


class Organisation(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    slug: str
    created_at: datetime


class OrganisationPatch(Body):
    name: Name


def read(request: Request) -> Organisation:
    return _shown(request.reader, request.principal.organisation_id)


def change(request: Request) -> Organisation:
    unit, id, name = request.unit, request.principal.organisation_id, trimmed(request.body.name)
    before = _shown(unit, id)
    if before.name != name:
        unit.execute(organisations.update().where(organisations.c.id == id).values(name=name))
        note(unit, "updated", "organisation", id, {"name": (before.name, name)})
    return _shown(unit, id)


def _shown(reader: Reader, id: UUID) -> Organisation:
    row = reader.row(sa.select(organisations).where(organisations.c.id == id))
    if row is None:
        raise NotFound("The organisation does not exist any more.")
    return Organisation(id=row.id, name=row.name, slug=row.slug, created_at=row.created_at)


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
        returns=Organisation,
        errors=(422,),
    ),
)
