"""A right index and a right embedding, in memory, for the suites to be proven with."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from bharat.contracts.vectors import (
    Embedding,
    EmbeddingMismatch,
    EmbeddingsUnavailable,
    IndexMissing,
    Neighbour,
    Place,
    Point,
    Purpose,
    Scope,
    VectorsUnavailable,
    check_query,
    check_vector,
)


@dataclass
class Store:
    """What lasts: what several processes share."""

    embedding: Embedding | None = None
    points: dict[Place, Point] = field(default_factory=dict)
    answers: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)


class MemoryVectors:
    """Compares with every point."""

    enabled = True

    def __init__(self, store: Store) -> None:
        self.store = store

    def held(self) -> Embedding | None:
        self.reach()
        return self.store.embedding

    def recreate(self, embedding: Embedding) -> None:
        self.reach()
        with self.store.lock:
            self.store.embedding, self.store.points = embedding, {}

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        self.check(embedding)
        for point in points:
            check_vector(embedding, point.vector)
        with self.store.lock:
            self.store.points |= {self.place(point): point for point in points}

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        self.check(embedding)
        with self.store.lock:
            for place in places:
                self.store.points.pop(place, None)

    def query(
        self,
        embedding: Embedding,
        organisation_id: UUID,
        vector: Sequence[float],
        *,
        scopes: Sequence[Scope],
        limit: int,
    ) -> Sequence[Neighbour]:
        self.check(embedding)
        check_query(embedding, vector, limit)
        hits = [
            Neighbour(point.type, point.id, sum(a * b for a, b in zip(vector, point.vector, strict=True)))
            for point in list(self.store.points.values())
            if point.organisation_id == organisation_id and any(self.within(point, scope) for scope in scopes)
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:limit]

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        self.check(embedding)
        places = sorted(
            (place for place in self.store.points if organisation_id in (None, place.organisation_id)), key=str
        )
        left = [place for place in places if after is None or str(place) > after]
        page = left[:limit]
        return page, str(page[-1]) if len(left) > limit else None

    def close(self) -> None:
        return None

    def within(self, point: Point, scope: Scope) -> bool:
        return point.type == scope.type and (scope.keys is None or bool(set(point.keys) & set(scope.keys)))

    def place(self, point: Point) -> Place:
        return Place(point.organisation_id, point.type, point.id)

    def check(self, embedding: Embedding) -> None:
        self.reach()
        if self.store.embedding is None:
            raise IndexMissing
        if self.store.embedding != embedding:
            raise EmbeddingMismatch(self.store.embedding, embedding)

    def reach(self) -> None:
        if not self.store.answers:
            raise VectorsUnavailable("the index does not answer")


class LetterPairs:
    """Counts pairs of letters by their hash."""

    enabled = True
    name = "letter-pairs-1"
    dimension = 128
    threshold = 0.3

    def __init__(self) -> None:
        self.answers = True

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        if not self.answers:
            raise EmbeddingsUnavailable("the model does not answer")
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        counts = [0.0] * self.dimension
        counts[0] = 0.001
        for at in range(len(text[:5000]) - 1):
            counts[hashlib.sha256(text[at : at + 2].casefold().encode()).digest()[0] % self.dimension] += 1
        length = math.hypot(*counts)
        return [count / length for count in counts]

    def close(self) -> None:
        return None
