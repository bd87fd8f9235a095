"""`EmbeddedVectors`: Qdrant's engine inside this process, its index in a folder.

Any process may say whose index it is. Whoever reads or writes it holds the folder's lock from the first use on, until it is closed: two
processes would each keep a state of their own. So a command that uses no vectors runs beside a server that does.

The engine's `optimize` is never called: it builds a graph for minutes, and comparing with every point takes 5 ms at 100,000.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import qdrant_edge as edge

from bharat.contracts.errors import BharatError
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
from bharat_vector_qdrant.payload import (
    INDEXED,
    KEYS,
    ORGANISATION,
    TYPE,
    neighbour_of,
    payload_of,
    place_of,
    point_id,
    reached_of,
)

log = logging.getLogger(__name__)

_BATCH = 500
_FLUSH_AFTER = 5000
"""Points written until the engine is told to write them into its segments; till then a restart replays its log."""


class EmbeddedVectors:
    """See `bharat.contracts.vectors.Vectors`. Nothing is opened or made before the first use."""

    enabled = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.RLock()
        self._lock: IO[bytes] | None = None
        self._shard: edge.EdgeShard | None = None
        self._embedding: Embedding | None = None
        self._written = 0

    def held(self) -> Embedding | None:
        told = self._told()
        return None if told is None else told[0]

    def recreate(self, embedding: Embedding) -> None:
        with self._alone():
            self._close_shard()
            name = f"index-{secrets.token_hex(6)}"
            shard = edge.EdgeShard.create(str(self._folder / name), _configuration(embedding))
            for field in INDEXED:
                shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
            shard.flush()
            # From this replacement on the new one is the index; a crash before it leaves the old.
            draft = self._folder / "index.json.new"
            draft.write_text(json.dumps({"name": embedding.name, "dimension": embedding.dimension, "folder": name}))
            os.replace(draft, self._folder / "index.json")
            self._shard, self._embedding = shard, embedding
            for old in self._folder.glob("index-*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        for point in points:
            check_vector(embedding, point.vector)
        with self._opened(embedding) as shard:
            for begin in range(0, len(points), _BATCH):
                batch = [
                    edge.Point(point_id(point), list(point.vector), payload_of(point))
                    for point in points[begin : begin + _BATCH]
                ]
                shard.update(edge.UpdateOperation.upsert_points(batch))
                self._note(shard, len(batch))

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        with self._opened(embedding) as shard:
            if places:
                shard.update(edge.UpdateOperation.delete_points([point_id(place) for place in places]))
                self._note(shard, len(places))

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
        with self._opened(embedding) as shard:
            if not reached:
                return []
            hits = shard.query(
                edge.QueryRequest(
                    limit=limit, query=edge.Query.Nearest(list(vector)), filter=_filter(organisation_id, reached),
                    with_payload=True, with_vector=False,
                )
            )  # fmt: skip
        return [neighbour_of(hit.payload or {}, hit.score) for hit in hits]

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        within = None if organisation_id is None else edge.Filter(must=[_equal(ORGANISATION, str(organisation_id))])
        offset = None if after is None else UUID(after)
        with self._opened(embedding) as shard:
            records, following = shard.scroll(
                edge.ScrollRequest(offset=offset, limit=limit, filter=within, with_payload=True, with_vector=False)
            )
        return [place_of(record.payload or {}) for record in records], None if following is None else str(following)

    def close(self) -> None:
        with self._turn:
            self._close_shard()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _told(self) -> tuple[Embedding, Path] | None:
        """Whose the index is, and where it lies."""
        try:
            told = json.loads((self._folder / "index.json").read_text(encoding="utf-8"))
            return Embedding(str(told["name"]), int(told["dimension"])), self._folder / str(told["folder"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VectorsUnavailable(f"The vector index in {self._folder} can't be read: {error}") from error

    @contextmanager
    def _opened(self, embedding: Embedding) -> Iterator[edge.EdgeShard]:
        told = self._told()
        if told is None:
            raise IndexMissing
        if told[0] != embedding:
            raise EmbeddingMismatch(told[0], embedding)
        with self._alone():
            if self._shard is None or self._embedding != embedding:
                self._close_shard()
                self._shard, self._embedding = edge.EdgeShard.load(str(told[1])), embedding
            yield self._shard

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """In this process, and the only one with the folder. What the engine raises has no type of its own."""
        with self._turn:
            self._take_lock()
            try:
                yield
            except (BharatError, ValueError):
                raise
            except Exception as error:
                raise VectorsUnavailable(f"The vector index in {self._folder} failed: {error}") from error

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (self._folder / "lock").open("ab")
        except OSError as error:
            raise VectorsUnavailable(f"The vector index in {self._folder} can't be opened: {error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise VectorsUnavailable(
                f"The vector index in {self._folder} is used by another process, and only one can: stop that one first, "
                'or set vectors.provider to "qdrant", a server'
            ) from None
        self._lock = file

    def _note(self, shard: edge.EdgeShard, count: int) -> None:
        self._written += count
        if self._written >= _FLUSH_AFTER:
            shard.flush()
            self._written = 0

    def _close_shard(self) -> None:
        shard, self._shard, self._embedding = self._shard, None, None
        if shard is not None:
            try:
                shard.flush()
                shard.close()
            except Exception:
                # What was written is in its log, from which the next one reads it.
                log.exception("closing the vector index in %s failed", self._folder)


def _configuration(embedding: Embedding) -> edge.EdgeConfig:
    return edge.EdgeConfig(vectors=edge.EdgeVectorParams(size=embedding.dimension, distance=edge.Distance.Cosine))


def _filter(organisation_id: UUID, scopes: Sequence[Scope]) -> edge.Filter:
    whole = [scope.type for scope in scopes if scope.keys is None]
    should: list[Any] = [edge.FieldCondition(TYPE, match=edge.MatchAny(whole))] if whole else []
    for scope in scopes:
        if scope.keys is not None:
            keys = edge.MatchAny([str(key) for key in scope.keys])
            should.append(edge.Filter(must=[_equal(TYPE, scope.type), edge.FieldCondition(KEYS, match=keys)]))
    return edge.Filter(must=[_equal(ORGANISATION, str(organisation_id))], should=should)


def _equal(key: str, value: str) -> edge.FieldCondition:
    return edge.FieldCondition(key, match=edge.MatchValue(value))
