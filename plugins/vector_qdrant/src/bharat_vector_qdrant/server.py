"""`QdrantVectors`: the index as collections of a Qdrant server, one for each embedding.

The collection's name is made of the embedding, so that vectors of two never mix, whatever another process does meanwhile: who uses an
embedding whose collection was dropped is told so by the server. `recreate` drops all others of the prefix.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from qdrant_client import QdrantClient, models

from bharat.contracts.vectors import (
    Embedding,
    EmbeddingMismatch,
    IndexMissing,
    Neighbour,
    Place,
    Point,
    Scope,
    VectorsUnavailable,
    check_query,
    check_vector,
)
from bharat_vector_qdrant.asking import Asking, Missing
from bharat_vector_qdrant.payload import (
    INDEXED,
    KEYS,
    ORGANISATION,
    RECORD,
    TYPE,
    neighbour_of,
    payload_of,
    place_of,
    point_id,
    reached_of,
)

if TYPE_CHECKING:
    from bharat_vector_qdrant import QdrantOptions

ResultT = TypeVar("ResultT")

_NOT_PLAIN = re.compile(r"[^a-z0-9.]+")
_NAME, _DIMENSION = "bharat_embedding", "bharat_dimension"
"""Under these keys a collection's metadata says whose it is."""


class QdrantVectors:
    """See `bharat.contracts.vectors.Vectors`. The server may be down while this is made."""

    enabled = True

    def __init__(self, options: QdrantOptions) -> None:
        self._options = options
        self._asking = Asking(options.rest)
        with warnings.catch_warnings():
            # That a key goes over http:// is as the operator configured it, in a network of its own.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
            self._client = QdrantClient(
                url=options.url, api_key=options.api_key, timeout=options.timeout, pool_size=options.pool_size,
                # Without this it asks for the server's version in a thread of its own.
                check_compatibility=False,
            )  # fmt: skip

    def held(self) -> Embedding | None:
        for name in self._collections():
            try:
                told = self._asking(lambda name=name: self._client.get_collection(name)).config.metadata or {}  # type: ignore[misc]
            except Missing:
                continue  # dropped since
            if isinstance(told.get(_NAME), str) and isinstance(told.get(_DIMENSION), int):
                return Embedding(told[_NAME], told[_DIMENSION])
        return None

    def recreate(self, embedding: Embedding) -> None:
        ask, client, seconds = self._ask_server, self._client, self._options.write_timeout
        for name in self._collections():
            ask(lambda name=name: client.delete_collection(name, timeout=seconds))  # type: ignore[misc]
        name = self.collection(embedding)
        ask(
            lambda: client.create_collection(
                name,
                vectors_config=models.VectorParams(size=embedding.dimension, distance=models.Distance.COSINE),
                timeout=seconds,
            )
        )
        for field in INDEXED:
            # Of an organisation's points those nearest lie together.
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == ORGANISATION)
            ask(lambda field=field, schema=schema: client.create_payload_index(name, field, schema, wait=True))  # type: ignore[misc]
        # Last, so that a collection that tells whose it is has all of it.
        told = {_NAME: embedding.name, _DIMENSION: embedding.dimension}
        ask(lambda: client.update_collection(name, metadata=told, timeout=seconds))
        if self.held() != embedding:
            raise VectorsUnavailable("This Qdrant keeps no metadata of collections: version 1.16 or newer is needed.")

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        for point in points:
            check_vector(embedding, point.vector)
        name, size = self.collection(embedding), self._options.batch
        for begin in range(0, len(points), size):
            some = points[begin : begin + size]
            batch = models.Batch(
                ids=[point_id(point) for point in some],
                vectors=[point.vector if isinstance(point.vector, list) else list(point.vector) for point in some],
                payloads=[payload_of(point) for point in some],
            )
            self._of(
                embedding,
                lambda batch=batch: self._client.upsert(name, batch, wait=True, timeout=self._options.write_timeout),  # type: ignore[misc]
            )

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        name, size = self.collection(embedding), self._options.batch
        for begin in range(0, len(places), size):
            ids: list[Any] = [point_id(place) for place in places[begin : begin + size]]
            self._of(
                embedding,
                lambda ids=ids: self._client.delete(  # type: ignore[misc]
                    name, models.PointIdsList(points=ids), wait=True, timeout=self._options.write_timeout
                ),
            )

    def query(
        self,
        embedding: Embedding,
        organisation_id: UUID,
        vector: Sequence[float],
        *,
        scopes: Sequence[Scope],
        limit: int,
    ) -> Sequence[Neighbour]:
        check_query(embedding, vector, limit)
        reached = reached_of(scopes)
        if not reached:
            return []
        answer = self._of(
            embedding,
            lambda: self._client.query_points(
                self.collection(embedding), query=list(vector), query_filter=_filter(organisation_id, reached), limit=limit,
                with_payload=[TYPE, RECORD], with_vectors=False,
            ),
        )  # fmt: skip
        return [neighbour_of(point.payload or {}, point.score) for point in answer.points]

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        within = None if organisation_id is None else models.Filter(must=[_equal(ORGANISATION, str(organisation_id))])
        records, offset = self._of(
            embedding,
            lambda: self._client.scroll(
                self.collection(embedding), scroll_filter=within, limit=limit, offset=after, with_payload=True,
                with_vectors=False, timeout=self._options.write_timeout,
            ),
        )  # fmt: skip
        return [place_of(record.payload or {}) for record in records], None if offset is None else str(offset)

    def close(self) -> None:
        self._client.close()

    def collection(self, embedding: Embedding) -> str:
        """The name of an embedding's collection: readable, and another for every other embedding."""
        readable = _NOT_PLAIN.sub("-", embedding.name.lower()).strip("-.")[:60]
        told = hashlib.sha256(embedding.name.encode()).hexdigest()[:12]
        return f"{self._options.prefix}-{readable}-{embedding.dimension}-{told}"

    def ping(self) -> None:
        """Raise `VectorsUnavailable` when the server does not serve us."""
        self._collections()

    def _collections(self) -> list[str]:
        """Those of our prefix; another's begins otherwise, since a prefix has no hyphen."""
        answer = self._ask_server(self._client.get_collections)
        return sorted(each.name for each in answer.collections if each.name.startswith(f"{self._options.prefix}-"))

    def _ask_server(self, ask: Callable[[], ResultT]) -> ResultT:
        """For what a Qdrant always has: 404 comes from something else at its address."""
        try:
            return self._asking(ask)
        except Missing:
            raise VectorsUnavailable("Qdrant's address answers 404: see vectors.qdrant.url.") from None

    def _of(self, embedding: Embedding, ask: Callable[[], ResultT]) -> ResultT:
        try:
            return self._asking(ask)
        except Missing:
            held = self.held()
            if held is None or held == embedding:
                raise IndexMissing from None
            raise EmbeddingMismatch(held, embedding) from None


def _filter(organisation_id: UUID, scopes: Sequence[Scope]) -> models.Filter:
    whole = [scope.type for scope in scopes if scope.keys is None]
    should: list[Any] = [models.FieldCondition(key=TYPE, match=models.MatchAny(any=whole))] if whole else []
    for scope in scopes:
        if scope.keys is not None:
            keys = models.MatchAny(any=[str(key) for key in scope.keys])
            should.append(models.Filter(must=[_equal(TYPE, scope.type), models.FieldCondition(key=KEYS, match=keys)]))
    return models.Filter(must=[_equal(ORGANISATION, str(organisation_id))], should=should)


def _equal(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))
