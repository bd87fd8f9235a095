"""The REST endpoints of a record type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bharat.contracts.errors import NotFound
from bharat.contracts.preconditions import IF_MATCH, IF_NONE_MATCH, asked_versions, etag, is_known
from bharat.contracts.route import Needs, Request, Response, Route
from bharat.records.attributes import Attribute
from bharat.records.bulk import Bulk
from bharat.records.collection import Records
from bharat.records.custom_fields import Definitions
from bharat.records.history import History
from bharat.records.kit import Kit
from bharat.records.queries import Record
from bharat.records.selection import DEFAULT_LIMIT, MAX_LIMIT, Grammar
from bharat.records.shapes import BulkResult, HistoryPage

_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode


class ReadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`deleted`: find the record also when it is deleted; needs the permission to delete."""

    deleted: bool = False


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of history, newest first."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: str | None = None


class Endpoints:
    """The handlers of one type."""

    def __init__(self, kit: Kit, records: Records) -> None:
        self._kit = kit
        self._resource = records.resource
        self._queries = records.queries
        self._writer = records.writer
        self._grammar = Grammar(records.resource)
        self._filters = Grammar(records.resource, page=False)
        self._bulk = Bulk(records, kit.permissions)
        self._history = History(records, kit.cursors, kit.database)

    def list(self, request: Request) -> bytes:
        """Pages follow each other by `next_cursor`. Filters combine; what has no value comes last in every sort."""
        selection = self._grammar.parse(request.raw_query, lambda: self._custom(request))
        page = self._queries.page(request.reader, request.principal, selection)
        answer: dict[str, Any] = {"items": page.items, "next_cursor": page.next_cursor}
        if page.total is not None:
            answer["total"] = page.total
        return _encode(answer)

    def totals(self, request: Request) -> bytes:
        """Counts and sums what the same filters would list. Money is summed by currency."""
        selection = self._filters.parse(request.raw_query, lambda: self._custom(request))
        count, sums = self._queries.totals(request.reader, request.principal, selection)
        return _encode({"count": count, "sums": sums})

    def create(self, request: Request) -> Response:
        """The caller becomes the owner unless the body names one; the team is the owner's unless named."""
        record = self._writer.create(request.unit, request.principal, request.body, at_once=False)
        response = self._answer(record)
        response.headers["Location"] = f"/api/v1/{self._resource.plural}/{record['id']}"
        return response

    def read(self, request: Request) -> Response:
        deleted = request.query is not None and request.query.deleted
        record = self._queries.one(
            request.reader,
            request.principal,
            request.path["id"],
            verb="delete" if deleted else "read",
            deleted=None if deleted else False,
        )
        if record is None:
            raise NotFound(f"There is no such {self._resource.label}, or none that you may see.")
        if is_known(request, record["version"]):
            return Response(status=304, headers={"ETag": etag(record["version"])})
        return self._answer(record)

    def update(self, request: Request) -> Response:
        """JSON Merge Patch (RFC 7396): fields left out stay, null empties. A change of nothing changes no version.

        An API key needs the scope to read too, since the answer is the record; without it, `bulk` changes records and answers
        with their versions."""
        versions = asked_versions(request)
        self._require_read(request)
        return self._answer(
            self._writer.update(request.unit, request.principal, request.path["id"], request.body, versions)
        )

    def delete(self, request: Request) -> Response:
        """The record is hidden and can be restored; its history stays."""
        versions = asked_versions(request)
        record = self._writer.delete(request.unit, request.principal, request.path["id"], versions)
        return Response(status=204, headers={"ETag": etag(record["version"])})

    def restore(self, request: Request) -> Response:
        """Brings a deleted record back; a record that is not deleted stays as it is. An API key needs the scope to read too, since
        the answer is the record."""
        self._require_read(request)
        return self._answer(self._writer.restore(request.unit, request.principal, request.path["id"]))

    def bulk(self, request: Request) -> BulkResult:
        """Creates, updates and deletes in one transaction: all of it or nothing; every fault is located in the body."""
        return self._bulk.run(request.unit, request.principal, request.body)

    def history(self, request: Request) -> bytes:
        """Every change of the record, newest first, each field with its value before and after."""
        return _encode(
            self._history.page(
                request.reader, request.principal, request.path["id"], request.query.limit, request.query.cursor
            )
        )

    def _require_read(self, request: Request) -> None:
        """An answer that is the record is for those who may read it; some API keys may only write."""
        self._kit.permissions.require(request.principal, f"{self._resource.plural}:read")

    def _answer(self, record: Record) -> Response:
        return Response(_encode(record), headers={"ETag": etag(record["version"])})

    def _custom(self, request: Request) -> Mapping[str, Attribute]:
        definitions = Definitions.load(request.reader, self._resource.name)
        return definitions.attributes(self._resource.table, self._kit.database.dialect)

    def routes(self) -> Sequence[Route]:
        resource, shapes = self._resource, self._resource.shapes
        base, one = f"/api/v1/{resource.plural}", f"/api/v1/{resource.plural}/{{id:uuid}}"
        name, plural, tag = resource.name, resource.plural, resource.plural
        label, labels = resource.label, resource.plural.replace("_", " ")
        one_label = f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"
        read, write, delete = (Needs(f"{plural}:{verb}") for verb in ("read", "write", "delete"))
        return [
            Route(
                method="GET", path=base, handler=self.list, access=read, summary=f"List {labels}", tag=tag,
                operation_id=f"list_{plural}", parameters=self._grammar.parameters(), returns=shapes.page,
            ),
            Route(
                method="POST", path=base, handler=self.create, access=write, summary=f"Create {one_label}", tag=tag,
                operation_id=f"create_{name}", body=shapes.create, returns=shapes.read, status=201, errors=(409,),
            ),
            Route(
                method="GET", path=f"{base}/totals", handler=self.totals, access=read, summary=f"Count and sum {labels}",
                tag=tag, operation_id=f"total_{plural}", parameters=self._filters.parameters(), returns=shapes.totals,
            ),
            Route(
                method="POST", path=f"{base}/bulk", handler=self.bulk, access=write,
                summary=f"Create, update and delete {labels} at once", tag=tag, operation_id=f"bulk_{plural}",
                body=shapes.bulk, returns=BulkResult, errors=(409,),
            ),
            Route(
                method="GET", path=one, handler=self.read, access=read, summary=f"Read {one_label}", tag=tag,
                operation_id=f"read_{name}", query=ReadQuery, parameters=(IF_NONE_MATCH,), returns=shapes.read,
                errors=(304,),
            ),
            Route(
                method="PATCH", path=one, handler=self.update, access=write, summary=f"Change {one_label}", tag=tag,
                operation_id=f"update_{name}", body=shapes.update, parameters=(IF_MATCH,), returns=shapes.read,
                errors=(409, 412, 428),
            ),
            Route(
                method="DELETE", path=one, handler=self.delete, access=delete, summary=f"Delete {one_label}", tag=tag,
                operation_id=f"delete_{name}", parameters=(IF_MATCH,), errors=(409, 412, 428),
            ),
            Route(
                method="POST", path=f"{one}/restore", handler=self.restore, access=delete,
                summary=f"Restore a deleted {label}", tag=tag, operation_id=f"restore_{name}", returns=shapes.read,
                errors=(409,),
            ),
            Route(
                method="GET", path=f"{one}/history", handler=self.history, access=read,
                summary=f"List the changes of {one_label}", tag=tag, operation_id=f"list_{name}_history", query=HistoryQuery,
                returns=HistoryPage,
            ),
        ]  # fmt: skip


def routes_of(kit: Kit, records: Records) -> Sequence[Route]:
    """The endpoints of one record type."""
    return Endpoints(kit, records).routes()
