"""Finding: by words in the database, by nearness in the vector index. Nothing is ranked that the caller may not read.

Both parts are limited by the caller's visibility where they search, so that what is hidden takes nobody's place; and what the index
found is read from the database once more through the same filter, because the index is a moment behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from bharat.contracts.application import Application
from bharat.contracts.database import Reader
from bharat.contracts.principal import Principal, Visibility
from bharat.contracts.vectors import (
    EmbeddingMismatch,
    EmbeddingsUnavailable,
    IndexMissing,
    Neighbour,
    Scope,
    VectorsUnavailable,
    embedding_of,
)
from bharat.records import Records, kit_of
from bharat.records.attributes import Attribute
from bharat.records.conditions import Condition
from bharat.records.queries import Record
from bharat.records.resource import Resource
from bharat.records.selection import Selection
from bharat.search.application import searchable, uses_vectors
from bharat.search.ranking import Hit, Matched, fused
from bharat.search.state import is_complete

Degraded = Literal[
    "vectors_unavailable", "embeddings_unavailable", "embedding_mismatch", "index_missing", "index_incomplete"
]

MOST = 50
"""Hits that one list of one type gives, and the most that an answer holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best hits, and why similar ones may be missing; `None` when they are not, or are not looked for at all."""

    hits: Sequence[Hit]
    degraded: Degraded | None


def find(
    app: Application, reader: Reader, principal: Principal, text: str, *, types: Collection[str] | None, limit: int
) -> Found:
    """The records of these types, or of all, that fit the text best, among those that the principal may read."""
    readable = [
        (records, visibility)
        for records in searchable(kit_of(app))
        if types is None or records.resource.name in types
        if (visibility := app.permissions.visibility(principal, records.resource.plural, "read")) is not Visibility.NONE
    ]
    by_words = _by_words(reader, principal, [records for records, _ in readable], text, limit)
    degraded: Degraded | None = None
    similar: Sequence[Hit] = ()
    if uses_vectors(app) and readable:
        try:
            near = _near(app, principal, [(one.resource.name, visibility) for one, visibility in readable], text)
            similar = _read(reader, principal, [records for records, _ in readable], near)
            if not is_complete(reader):
                degraded = "index_incomplete"
        except VectorsUnavailable:
            degraded = "vectors_unavailable"
        except EmbeddingsUnavailable:
            degraded = "embeddings_unavailable"
        except EmbeddingMismatch:
            degraded = "embedding_mismatch"
        except IndexMissing:
            degraded = "index_incomplete" if not is_complete(reader) else "index_missing"
    return Found(fused([by_words, similar], limit), degraded)


def _by_words(reader: Reader, principal: Principal, types: Iterable[Records], text: str, limit: int) -> Sequence[Hit]:
    """Those with a title, or another text that has an index, that is or begins with what was asked, the shortest first; then those in
    which all its words occur, the newest first."""
    types = list(types)
    whole = " ".join(text.split()).casefold()
    firsts: dict[tuple[str, UUID], tuple[tuple[Any, ...], Hit]] = {}
    for records in types:
        for attribute in _keyed(records.resource):
            for record in _page(records, reader, principal, prefix=(attribute, whole)):
                value = str(record[attribute.name]).casefold()
                matched: Matched = "exact" if value == whole else "prefix"
                hit = _hit(records.resource, record, matched)
                order = (matched != "exact", len(value), value, hit.type, hit.id)
                if hit.key not in firsts or order < firsts[hit.key][0]:
                    firsts[hit.key] = (order, hit)
    found = [hit for _, hit in sorted(firsts.values(), key=lambda one: one[0])]
    if len(found) >= limit:
        return found
    words = tuple(text.split())
    rest = [
        hit
        for records in types
        for record in _page(records, reader, principal, words=words)
        if (hit := _hit(records.resource, record, "words")).key not in firsts
    ]
    # Ids ascend with time.
    return [*found, *sorted(rest, key=lambda hit: (-hit.id.int, hit.type))]


def _near(
    app: Application, principal: Principal, types: Sequence[tuple[str, Visibility]], text: str
) -> Sequence[Neighbour]:
    embeddings = app.embeddings
    (vector,) = embeddings.embed([text], purpose="query")
    scopes = [Scope(name, _keys(principal, visibility)) for name, visibility in types]
    found = app.vectors.query(
        embedding_of(embeddings), principal.organisation_id, vector, scopes=scopes, limit=2 * MOST
    )
    return [hit for hit in found if hit.score >= embeddings.threshold]


def _keys(principal: Principal, visibility: Visibility) -> tuple[UUID, ...] | None:
    """By what the principal's points are known: their owner, or their team."""
    match visibility:
        case Visibility.ALL:
            return None
        case Visibility.TEAM:
            return principal.user_id, *principal.team_ids
        case _:
            return (principal.user_id,)


def _read(reader: Reader, principal: Principal, types: Iterable[Records], near: Sequence[Neighbour]) -> Sequence[Hit]:
    """What of it is there and visible now, in the same order."""
    found: dict[tuple[str, UUID], Hit] = {}
    for records in types:
        ids = [hit.id for hit in near if hit.type == records.resource.name]
        if ids:
            for record in _page(records, reader, principal, ids=ids):
                hit = _hit(records.resource, record, "similar")
                found[hit.key] = hit
    return [found[key] for key in ((hit.type, hit.id) for hit in near) if key in found]


def _page(
    records: Records,
    reader: Reader,
    principal: Principal,
    *,
    prefix: tuple[Attribute, str] | None = None,
    words: tuple[str, ...] = (),
    ids: Sequence[UUID] = (),
) -> Sequence[Record]:
    """One page of a list with these filters, as the list itself gives it to this caller."""
    resource = records.resource
    conditions: list[Condition] = []
    sort = ((resource.by_name["id"], True),)
    if prefix is not None:
        conditions.append(Condition(prefix[0], "prefix", prefix[1]))
        # In the order of its index: the shortest come first, what is equal before all others.
        sort = ((prefix[0], False),)
    if ids:
        conditions.append(Condition(resource.by_name["id"], "in", list(ids)))
    names = {"id", resource.type.title, *(each.name for each in _keyed(resource))}
    selection = Selection(
        conditions=tuple(conditions), words=words, sort=sort, limit=max(MOST, len(ids)),
        fields=tuple(name for name in resource.names if name in names),
    )  # fmt: skip
    return records.queries.page(reader, principal, selection).items


def _keyed(resource: Resource) -> Sequence[Attribute]:
    """The searched fields that have an index on their folded text."""
    return [resource.by_name[name] for name in resource.searched if resource.by_name[name].key is not None]


def _hit(resource: Resource, record: Record, matched: Matched) -> Hit:
    return Hit(resource.name, record["id"], str(record[resource.type.title]), [matched])
