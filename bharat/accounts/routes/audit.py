"""The audit trail, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bharat.accounts.routes.bodies import Paged, page
from bharat.contracts.route import Needs, Request, Route
from bharat.data.audit import audit_entries

Word = Annotated[str, Meta(min_length=1, max_length=64)]


class AuditEntry(msgspec.Struct, kw_only=True):
    """Who did what when. `changes` maps a field to what it was and what it became."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    request_id: str | None
    action: str
    subject_type: str
    subject_id: UUID | None
    changes: dict[str, Any]


class AuditEntries(msgspec.Struct):
    items: list[AuditEntry]
    next_cursor: str | None


class AuditQuery(Paged):
    subject_type: Word | None = None
    subject_id: UUID | None = None
    actor_id: UUID | None = None
    action: Word | None = None


def list_entries(request: Request) -> AuditEntries:
    query = request.query
    statement = sa.select(audit_entries).order_by(audit_entries.c.id.desc()).limit(query.limit + 1)
    if query.cursor is not None:
        statement = statement.where(audit_entries.c.id < query.cursor)
    for name in ("subject_type", "subject_id", "actor_id", "action"):
        if (wanted := getattr(query, name)) is not None:
            statement = statement.where(audit_entries.c[name] == wanted)
    rows, more = page(request.reader.rows(statement), query.limit)
    names = AuditEntry.__struct_fields__
    return AuditEntries([AuditEntry(**{name: getattr(row, name) for name in names}) for row in rows], more)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/audit",
        handler=list_entries,
        access=Needs("audit:read"),
        summary="What was done in the organisation, newest first",
        tag="accounts",
        operation_id="list_audit_entries",
        query=AuditQuery,
        returns=AuditEntries,
    ),
)
