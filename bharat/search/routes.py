"""`GET /api/v1/search`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from bharat.contracts.errors import FieldFault, Malformed
from bharat.contracts.phrasing import END, TOLD
from bharat.contracts.route import Needs, Request, Route
from bharat.contracts.spelling import hint
from bharat.records import kit_of
from bharat.records.selection import MAX_WORDS
from bharat.search.application import searchable
from bharat.search.finding import MOST, Degraded, find
from bharat.search.ranking import Matched

DEFAULT_LIMIT = 20

_WORDS = rf"^\s*\S+(\s+\S+){{0,{MAX_WORDS - 1}}}\s*{END}"
_WORDS_TOLD = f"must have 1 to {MAX_WORDS} words and at most 200 characters"

TypeNames = Annotated[
    str,
    Meta(
        max_length=500, pattern=rf"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*{END}",
        extra={TOLD: "must be names of record types, comma-separated"},
    ),
]  # fmt: skip


class SearchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for."""

    q: Annotated[
        str,
        Meta(
            max_length=200, pattern=_WORDS, extra={TOLD: _WORDS_TOLD},
            description=f"What to look for: a name or a part of one, misspelt perhaps, or up to {MAX_WORDS} words.",
        ),
    ]  # fmt: skip
    types: Annotated[
        TypeNames | None,
        Meta(
            description="Only these record types, such as `contact,company`; those that the caller may not read are passed over."
        ),
    ] = None
    limit: Annotated[int, Meta(ge=1, le=MOST, description="Most hits in the answer.")] = DEFAULT_LIMIT


class SearchHit(msgspec.Struct, frozen=True):
    """A record. `matched`: a text is what was asked, begins with it, holds all its words, or is similar to it."""

    type: str
    id: UUID
    title: str
    matched: list[Matched]


class SearchAnswer(msgspec.Struct, frozen=True):
    """The best hits, best first. `degraded`, when not null, says why similar ones may be missing: the index or the model does not
    answer, or the index is not complete or made for another model. Hits by words are never missing."""

    items: list[SearchHit]
    degraded: Degraded | None


def search(request: Request) -> SearchAnswer:
    """Finds records by what they are called: exact matches first, then what begins with it, holds its words, or is similar.

    Only what the caller may read takes part. There are no further pages: who wants all that match a word uses `q` of a list."""
    query: SearchQuery = request.query
    app = request.app
    types = None if query.types is None else frozenset(query.types.split(","))
    known = {one.resource.name for one in searchable(kit_of(app))}
    if types is not None and (unknown := sorted(types - known)):
        faults = [
            FieldFault("?types", f"{name[:60]!r} is no record type that is searched{hint(name, known)}")
            for name in unknown
        ]
        raise Malformed("Some query parameters can't be accepted.", faults=faults)
    found = find(app, request.reader, request.principal, query.q, types=types, limit=query.limit)
    return SearchAnswer([SearchHit(hit.type, hit.id, hit.title, hit.matched) for hit in found.hits], found.degraded)


ROUTES = [
    Route(
        method="GET", path="/api/v1/search", handler=search, access=Needs("search:read"), summary="Search all records",
        tag="search", operation_id="search", query=SearchQuery, returns=SearchAnswer,
    )
]  # fmt: skip

__all__ = ["ROUTES", "SearchAnswer", "SearchHit", "SearchQuery", "search"]
