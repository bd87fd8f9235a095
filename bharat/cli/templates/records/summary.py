"""A route of the plugin's own: how many entries are open and done, among those that the caller may read."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from bharat.contracts.route import Needs, Request, Route

from bharat.cli.templates.records.tables import entries


class Summary(msgspec.Struct, frozen=True):
    open: int
    done: int


def _summary(request: Request) -> Summary:
    """Count the entries that the caller's list shows."""
    visible = request.app.permissions.row_filter(request.principal, entries, "new_plugin", "read")
    counted = sa.select(entries.c.state, sa.func.count().label("number")).where(entries.c.deleted_at.is_(None))
    if visible is not None:
        counted = counted.where(visible)
    counts = {row.state: row.number for row in request.reader.rows(counted.group_by(entries.c.state))}
    return Summary(counts.get("open", 0), counts.get("done", 0))


SUMMARY = Route(
    method="GET",
    path="/api/v1/new_plugin-summary",
    handler=_summary,
    access=Needs("new_plugin:read"),
    summary="Count entries by their state",
    tag="new_plugin",
    operation_id="summarise_new_plugin",
    returns=Summary,
)
