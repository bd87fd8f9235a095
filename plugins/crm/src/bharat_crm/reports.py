"""The endpoints of the CRM that are more than records: the pipeline report and a deal's way through the stages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bharat.contracts.errors import FieldFault, Forbidden, Malformed, NotFound
from bharat.contracts.principal import Visibility
from bharat.contracts.route import Needs, Request, Route
from bharat_crm.pipeline_report import By, Period, PipelineReport, pipeline_report
from bharat_crm.stage_history import stage_changes
from bharat_crm.tables import deals

MOST_MOVES = 1000
_NAMES = {"stage": "stages", "owner": "users", "team": "teams", "product": "products"}
"""What must be readable for the names of groups, beside `deals`."""

_DATE = "`closed_on` once it is won or lost, `engaged_on` while it is open"
_DATED = f"The date is {_DATE}; deals without one are left out."


class ReportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """What the report is about."""

    by: Annotated[
        By, Meta(description=f"What to group by; `stage` unless given. `month` is that of the deal's date: {_DATE}.")
    ] = "stage"
    pipeline: Annotated[UUID | None, Meta(description="Only the deals of this pipeline.")] = None
    first: Annotated[date | None, Meta(description=f"Only deals whose date is this day or later. {_DATED}")] = None
    last: Annotated[date | None, Meta(description="Only deals whose date, as for `from`, is this day or earlier.")] = (
        None
    )


class Move(msgspec.Struct, frozen=True):
    """A deal entered a stage. `from_stage_id` is `null` where the deal began."""

    id: UUID
    at: datetime
    from_stage_id: UUID | None
    to_stage_id: UUID
    actor_kind: str
    actor_id: UUID | None


class Moves(msgspec.Struct, frozen=True):
    """The moves of a deal, oldest first, at most 1000."""

    items: list[Move]


def report(request: Request) -> PipelineReport:
    """The report over the deals that the caller may read."""
    query: ReportQuery = request.query
    if query.first is not None and query.last is not None and query.first > query.last:
        raise Malformed("The period ends before it begins.", faults=[FieldFault("?to", "must not lie before `from`")])
    permissions, principal = request.app.permissions, request.principal
    visible = permissions.row_filter(principal, deals, "deals", "read")
    # An API key that reads deals alone is told which, not what the others are called.
    theirs = _NAMES.get(query.by)
    named = theirs is None or permissions.visibility(principal, theirs, "read") is not Visibility.NONE
    period, dialect = Period(query.first, query.last), request.app.database.dialect
    return pipeline_report(request.reader, dialect, query.by, visible, query.pipeline, period, named=named)


def moves(request: Request) -> Moves:
    """The stages a deal went through, for those who may read the deal; those of a deleted one, like its history, for those
    who may delete it."""
    deal: UUID = request.path["id"]
    if not _visible(request, deal):
        raise NotFound("There is no such deal.")
    c = stage_changes.c
    rows = request.reader.rows(
        sa.select(c.id, c.at, c.from_stage_id, c.to_stage_id, c.actor_kind, c.actor_id)
        .where(c.deal_id == deal)
        .order_by(c.id)
        .limit(MOST_MOVES)
    )
    return Moves([Move(*tuple(row)) for row in rows])


def _visible(request: Request, deal: UUID) -> bool:
    for verb, state in (("read", deals.c.deleted_at.is_(None)), ("delete", deals.c.deleted_at.is_not(None))):
        mine = sa.select(deals.c.id).where(deals.c.id == deal, state)
        try:
            visible = request.app.permissions.row_filter(request.principal, deals, "deals", verb)
        except Forbidden:
            continue
        if request.reader.row(mine if visible is None else mine.where(visible)) is not None:
            return True
    return False


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/reports/pipeline",
        handler=report,
        access=Needs("deals:read"),
        summary="Count, amount and win rate of deals by stage, owner, team, product or month",
        tag="reports",
        operation_id="report_pipeline",
        query=ReportQuery,
        returns=PipelineReport,
    ),
    Route(
        method="GET",
        path="/api/v1/deals/{id:uuid}/moves",
        handler=moves,
        access=Needs("deals:read"),
        summary="List the stages a deal went through",
        tag="deals",
        operation_id="list_deal_moves",
        returns=Moves,
        errors=(404,),
    ),
)
