"""Wrong indexes, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import pytest

from bharat.contracts.vectors import Embedding, EmbeddingMismatch, Neighbour, Place, Point, Scope, VectorsUnavailable
from bharat.testing.suite import CutOff
from bharat.testing.vectors import BuildVectors, VectorsSuite
from tests.testing.right_vectors import MemoryVectors, Store


class TestRight(VectorsSuite):
    backend: ClassVar[type[MemoryVectors]] = MemoryVectors

    @pytest.fixture
    def store(self) -> Store:
        return Store()

    @pytest.fixture
    def build_vectors(self, store: Store) -> BuildVectors:
        return lambda: self.backend(store)

    @pytest.fixture
    def cut_off(self, store: Store) -> CutOff:
        def fall_silent() -> None:
            store.answers = False

        return fall_silent


class TestComparesOnlyTheDimension(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def check(self, embedding: Embedding) -> None:
            held = self.store.embedding
            super().check(held if held is not None and held.dimension == embedding.dimension else embedding)


class TestLooksOnceWhoseTheIndexIs(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        known: Embedding | None = None

        def check(self, embedding: Embedding) -> None:
            if self.known != embedding:
                super().check(embedding)
                self.known = embedding
            self.reach()

        def recreate(self, embedding: Embedding) -> None:
            super().recreate(embedding)
            self.known = None


class TestFiltersAfterwards(TestRight):
    """Takes the nearest of all, and then leaves out what is out of reach."""

    class backend(MemoryVectors):  # noqa: N801
        def query(
            self,
            embedding: Embedding,
            organisation_id: UUID,
            vector: Sequence[float],
            *,
            scopes: Sequence[Scope],
            limit: int,
        ) -> Sequence[Neighbour]:
            right = {
                (hit.type, hit.id)
                for hit in super().query(embedding, organisation_id, vector, scopes=scopes, limit=10_000)
            }
            hits = sorted(
                (
                    Neighbour(one.type, one.id, sum(a * b for a, b in zip(vector, one.vector, strict=True)))
                    for one in self.store.points.values()
                ),
                key=lambda hit: -hit.score,
            )
            return [hit for hit in hits[: limit * 4] if (hit.type, hit.id) in right][:limit]


class TestFindsEverybodys(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def within(self, point: Point, scope: Scope) -> bool:
            return point.type == scope.type


class TestKnowsRecordsByTheirIdAlone(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def place(self, point: Point) -> Place:
            return Place(UUID(int=0), "", point.id)

        def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
            super().delete(embedding, [Place(UUID(int=0), "", place.id) for place in places])


class TestForgetsOnARestart(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def __init__(self, store: Store) -> None:
            super().__init__(store)
            store.points = {}


class TestMakesAnIndexByItself(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
            if self.held() is None:
                self.recreate(embedding)
            super().upsert(embedding, points)


class TestScansByPosition(TestRight):
    """What was deleted meanwhile makes it pass over others."""

    class backend(MemoryVectors):  # noqa: N801
        def scan(
            self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
        ) -> tuple[Sequence[Place], str | None]:
            everything, _ = super().scan(embedding, organisation_id, limit=10_000)
            begin = int(after or 0)
            return everything[begin : begin + limit], str(begin + limit) if begin + limit < len(everything) else None


class TestScansByTheTimeOfWriting(TestRight):
    """What is written anew comes last again."""

    class backend(MemoryVectors):  # noqa: N801
        def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
            super().upsert(embedding, points)
            with self.store.lock:
                written = self.written()
                for point in points:
                    written[self.place(point)] = max(written.values(), default=0) + 1

        def scan(
            self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
        ) -> tuple[Sequence[Place], str | None]:
            everything, _ = super().scan(embedding, organisation_id, limit=10_000)
            written = self.written()
            rest = sorted((each for each in everything if written[each] > int(after or 0)), key=written.__getitem__)
            return rest[:limit], str(written[rest[limit - 1]]) if len(rest) > limit else None

        def written(self) -> dict[Place, int]:
            """When each was, as a number; kept where the points are."""
            found: dict[Place, int] = vars(self.store).setdefault("written", {})
            return found


class TestFindsNothingWhenItIsAway(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def query(
            self,
            embedding: Embedding,
            organisation_id: UUID,
            vector: Sequence[float],
            *,
            scopes: Sequence[Scope],
            limit: int,
        ) -> Sequence[Neighbour]:
            try:
                return super().query(embedding, organisation_id, vector, scopes=scopes, limit=limit)
            except VectorsUnavailable:
                return []


class TestWritesPartOfABadBatch(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
            for point in points:
                super().upsert(embedding, [point])


class TestTakesASlugForAName(TestRight):
    class backend(MemoryVectors):  # noqa: N801
        def check(self, embedding: Embedding) -> None:
            try:
                super().check(embedding)
            except EmbeddingMismatch as error:
                if _slug(error.held) != _slug(embedding):
                    raise


def _slug(embedding: Embedding) -> str:
    letters = "".join(each if each.isalnum() or each == "." else " " for each in embedding.name.lower())
    return f"{'-'.join(letters.split())}-{embedding.dimension}"
