"""The conformance suite of the capability `vectors`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from bharat.contracts.vectors import (
    Embedding,
    EmbeddingMismatch,
    IndexMissing,
    Neighbour,
    Place,
    Point,
    Scope,
    Vectors,
    VectorsUnavailable,
)
from bharat.testing.suite import CutOff, Suite, needs_cut_off, not_given, together

BuildVectors = Callable[[], Vectors]

EMBEDDING = Embedding("suite/Model-1.5: small", 8)
ALL = (Scope("contact"), Scope("company"))
CLOSE = 1e-4


def axis(number: int, dimension: int = EMBEDDING.dimension) -> list[float]:
    """A vector of unit length along one axis."""
    return [1.0 if place == number else 0.0 for place in range(dimension)]


def between(one: int, other: int, share: float) -> list[float]:
    """A vector of unit length between two axes; `share` is its cosine with the first."""
    vector = axis(one)
    vector[one], vector[other] = share, math.sqrt(1 - share * share)
    return vector


def random_vector(rng: random.Random) -> list[float]:
    vector = [rng.gauss(0, 1) for _ in range(EMBEDDING.dimension)]
    length = math.hypot(*vector)
    return [value / length for value in vector]


class VectorsSuite(Suite):
    """Everything that `bharat.contracts.vectors` promises of an index. Override `build_vectors`; `cut_off` for a backend that can go
    away; say `shared = False` for one that only one process at a time can use.

    The index must be empty, there being none, at the start of each test."""

    shared: ClassVar[bool] = True
    """Whether a second one can be built while the first is open."""

    @pytest.fixture
    def build_vectors(self) -> BuildVectors:
        """A function that builds the provider, on the same index each time."""
        raise not_given("build_vectors", "VectorsSuite")

    @pytest.fixture
    def vectors(self, build_vectors: BuildVectors) -> Vectors:
        """With an empty index."""
        built = build_vectors()
        built.recreate(EMBEDDING)
        return built

    @pytest.fixture
    def acme(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def globex(self) -> UUID:
        return uuid4()

    # The index and its embedding.

    def test_at_first_there_is_no_index(self, build_vectors: BuildVectors, acme: UUID) -> None:
        vectors = build_vectors()
        assert vectors.enabled is True
        assert vectors.held() is None
        for call in _calls(vectors, EMBEDDING, acme):
            with pytest.raises(IndexMissing, match="bharat reindex"):
                call()
        assert vectors.held() is None

    def test_an_index_tells_whose_it_is(self, vectors: Vectors) -> None:
        assert vectors.held() == EMBEDDING

    @pytest.mark.parametrize(
        "other",
        [
            Embedding("another-model", EMBEDDING.dimension),
            Embedding("suite/Model-1.5: small", EMBEDDING.dimension + 1),
            Embedding("suite/Model-1.5:  small", EMBEDDING.dimension),
            Embedding("suite-model-1.5-small", EMBEDDING.dimension),
            Embedding("Suite/Model-1.5: small", EMBEDDING.dimension),
        ],
        ids=str,
    )
    def test_an_index_refuses_another_embedding(self, vectors: Vectors, acme: UUID, other: Embedding) -> None:
        kept = _point(acme, 0)
        vectors.upsert(EMBEDDING, [kept])
        for call in _calls(vectors, other, acme):
            with pytest.raises(EmbeddingMismatch, match="bharat reindex") as told:
                call()
            assert (told.value.held, told.value.asked) == (EMBEDDING, other)
        assert _ids(self.all(vectors, acme)) == [kept.id]

    def test_recreating_empties_it(self, vectors: Vectors, acme: UUID) -> None:
        vectors.upsert(EMBEDDING, [_point(acme, 0)])
        vectors.recreate(EMBEDDING)
        assert self.all(vectors, acme) == []
        assert vectors.scan(EMBEDDING, None) == ([], None)
        vectors.upsert(EMBEDDING, [_point(acme, 1)])
        assert len(self.all(vectors, acme)) == 1

    def test_recreating_for_another_embedding_leaves_none_of_the_first(self, vectors: Vectors, acme: UUID) -> None:
        vectors.upsert(EMBEDDING, [_point(acme, 0)])
        other = Embedding("another-model", EMBEDDING.dimension)
        vectors.recreate(other)
        assert vectors.held() == other
        assert list(vectors.query(other, acme, axis(0), scopes=ALL, limit=10)) == []
        for call in _calls(vectors, EMBEDDING, acme):
            with pytest.raises(EmbeddingMismatch):
                call()
        vectors.recreate(EMBEDDING)
        assert self.all(vectors, acme) == []

    # Writing and finding.

    def test_the_nearest_come_first_with_their_cosine(self, vectors: Vectors, acme: UUID) -> None:
        near, far, opposite = (
            Point(acme, "contact", uuid4(), vector)
            for vector in (between(0, 1, 0.9), between(0, 1, 0.2), between(0, 1, -0.5))
        )
        vectors.upsert(EMBEDDING, [far, opposite, near])
        found = vectors.query(EMBEDDING, acme, axis(0), scopes=ALL, limit=10)
        assert _ids(found) == [near.id, far.id, opposite.id]
        assert [hit.score for hit in found] == [pytest.approx(score, abs=CLOSE) for score in (0.9, 0.2, -0.5)]
        assert {hit.type for hit in found} == {"contact"}

    def test_a_query_gives_no_more_than_its_limit(self, vectors: Vectors, acme: UUID) -> None:
        points = [Point(acme, "contact", uuid4(), between(0, 1, 0.1 * number)) for number in range(10)]
        vectors.upsert(EMBEDDING, points)
        found = vectors.query(EMBEDDING, acme, axis(0), scopes=ALL, limit=3)
        assert _ids(found) == [points[number].id for number in (9, 8, 7)]

    def test_a_point_that_is_upserted_again_is_replaced(self, vectors: Vectors, acme: UUID) -> None:
        key, other = uuid4(), uuid4()
        point = Point(acme, "contact", uuid4(), axis(0), (key,))
        vectors.upsert(EMBEDDING, [point])
        vectors.upsert(EMBEDDING, [Point(acme, "contact", point.id, axis(1), (other,))])
        (found,) = self.all(vectors, acme, axis(1))
        assert found.score == pytest.approx(1, abs=CLOSE)
        assert list(vectors.query(EMBEDDING, acme, axis(0), scopes=[Scope("contact", (key,))], limit=5)) == []
        assert _ids(vectors.query(EMBEDDING, acme, axis(0), scopes=[Scope("contact", (other,))], limit=5)) == [point.id]

    def test_a_batch_of_any_size_is_written_whole(self, vectors: Vectors, acme: UUID) -> None:
        rng = random.Random(1)
        points = [Point(acme, "contact", uuid4(), random_vector(rng)) for _ in range(2_500)]
        vectors.upsert(EMBEDDING, points)
        assert _scanned(vectors, acme) == {point.id for point in points}
        for point in points[::500]:
            (nearest,) = vectors.query(EMBEDDING, acme, point.vector, scopes=ALL, limit=1)
            assert nearest.id == point.id
        vectors.delete(EMBEDDING, [_place(point) for point in points[:2_000]])
        assert _scanned(vectors, acme) == {point.id for point in points[2_000:]}

    def test_empty_batches_and_queries_within_nothing_are_nothing(self, vectors: Vectors, acme: UUID) -> None:
        vectors.upsert(EMBEDDING, [_point(acme, 0)])
        vectors.upsert(EMBEDDING, [])
        vectors.delete(EMBEDDING, [])
        assert list(vectors.query(EMBEDDING, acme, axis(0), scopes=[], limit=5)) == []
        assert list(vectors.query(EMBEDDING, acme, axis(0), scopes=[Scope("contact", ())], limit=5)) == []

    def test_a_deleted_point_is_found_no_more(self, vectors: Vectors, acme: UUID) -> None:
        gone, kept = _point(acme, 0), _point(acme, 1)
        vectors.upsert(EMBEDDING, [gone, kept])
        vectors.delete(EMBEDDING, [_place(gone), Place(acme, "contact", uuid4())])
        assert _ids(self.all(vectors, acme)) == [kept.id]
        assert _scanned(vectors, acme) == {kept.id}
        vectors.delete(EMBEDDING, [_place(gone)])

    # Who finds what.

    def test_organisations_do_not_find_each_other_s(self, vectors: Vectors, acme: UUID, globex: UUID) -> None:
        id = uuid4()
        mine, theirs = Point(acme, "contact", id, axis(0)), Point(globex, "contact", id, axis(1))
        vectors.upsert(EMBEDDING, [mine, theirs])
        (hit,) = self.all(vectors, acme)
        assert hit.score == pytest.approx(1, abs=CLOSE)
        vectors.delete(EMBEDDING, [_place(theirs)])
        assert _ids(self.all(vectors, acme)) == [id]
        assert self.all(vectors, globex) == []

    def test_a_record_of_another_type_is_another(self, vectors: Vectors, acme: UUID) -> None:
        id = uuid4()
        vectors.upsert(EMBEDDING, [Point(acme, "contact", id, axis(0)), Point(acme, "company", id, axis(1))])
        found = self.all(vectors, acme)
        assert [(hit.type, hit.id) for hit in found] == [("contact", id), ("company", id)]
        only = vectors.query(EMBEDDING, acme, axis(0), scopes=[Scope("company")], limit=10)
        assert [(hit.type, hit.id) for hit in only] == [("company", id)]
        vectors.delete(EMBEDDING, [Place(acme, "company", id)])
        assert [hit.type for hit in self.all(vectors, acme)] == ["contact"]

    def test_a_scope_with_keys_reaches_what_has_one_of_them(self, vectors: Vectors, acme: UUID) -> None:
        owner, team, stranger = uuid4(), uuid4(), uuid4()
        own = Point(acme, "contact", uuid4(), between(0, 1, 0.9), (owner, team))
        of_team = Point(acme, "contact", uuid4(), between(0, 1, 0.8), (stranger, team))
        foreign = Point(acme, "contact", uuid4(), axis(0), (stranger,))
        nobody_s = Point(acme, "contact", uuid4(), axis(0))
        company = Point(acme, "company", uuid4(), between(0, 1, 0.7), (stranger,))
        vectors.upsert(EMBEDDING, [own, of_team, foreign, nobody_s, company])

        def found(*scopes: Scope) -> list[UUID]:
            return _ids(vectors.query(EMBEDDING, acme, axis(0), scopes=scopes, limit=10))

        assert found(Scope("contact", (owner,))) == [own.id]
        assert found(Scope("contact", (owner, team))) == [own.id, of_team.id]
        assert found(Scope("contact", (owner,)), Scope("company")) == [own.id, company.id]
        assert found(Scope("contact", (uuid4(),))) == []
        assert found(Scope("company", (owner,))) == []

    def test_what_is_out_of_reach_takes_no_place(self, vectors: Vectors, acme: UUID, globex: UUID) -> None:
        owner = uuid4()
        hidden = [Point(acme, "contact", uuid4(), axis(0), (uuid4(),)) for _ in range(300)]
        hidden += [Point(globex, "contact", uuid4(), axis(0), (owner,)) for _ in range(300)]
        hidden += [Point(acme, "company", uuid4(), axis(0), (owner,)) for _ in range(300)]
        own = [Point(acme, "contact", uuid4(), between(0, 1, 0.1 + 0.1 * number), (owner,)) for number in range(3)]
        vectors.upsert(EMBEDDING, [*hidden, *own])
        found = vectors.query(EMBEDDING, acme, axis(0), scopes=[Scope("contact", (owner,))], limit=5)
        assert _ids(found) == [point.id for point in reversed(own)]

    # Going through all of it.

    def test_a_scan_in_pages_meets_everything_once(self, vectors: Vectors, acme: UUID, globex: UUID) -> None:
        mine = [_point(acme, number % 8, type) for number in range(25) for type in ("contact", "company")]
        theirs = [_point(globex, number % 8) for number in range(25)]
        vectors.upsert(EMBEDDING, [*mine, *theirs])
        assert sorted(_all_pages(vectors, acme, 7), key=str) == sorted(map(_place, mine), key=str)
        assert sorted(_all_pages(vectors, None, 20), key=str) == sorted(map(_place, [*mine, *theirs]), key=str)
        assert list(_all_pages(vectors, uuid4(), 10)) == []

    def test_a_scan_goes_on_while_what_it_met_is_deleted(self, vectors: Vectors, acme: UUID) -> None:
        points = [_point(acme, number % 8) for number in range(30)]
        vectors.upsert(EMBEDDING, points)
        met: list[UUID] = []
        after: str | None = None
        while True:
            places, after = vectors.scan(EMBEDDING, acme, after=after, limit=7)
            met += [place.id for place in places]
            vectors.delete(EMBEDDING, places)
            if after is None:
                break
        assert sorted(met) == sorted(point.id for point in points)
        assert _scanned(vectors, acme) == set()

    def test_a_scan_goes_on_while_what_it_met_is_written_anew(self, vectors: Vectors, acme: UUID) -> None:
        points = {point.id: point for point in (_point(acme, number % 8) for number in range(30))}
        vectors.upsert(EMBEDDING, list(points.values()))
        met: list[UUID] = []
        after: str | None = None
        while True:
            places, after = vectors.scan(EMBEDDING, acme, after=after, limit=7)
            met += [place.id for place in places]
            assert len(met) <= len(points), "a point that is written anew is met again"
            vectors.upsert(EMBEDDING, [points[place.id] for place in places])
            if after is None:
                break
        assert sorted(met) == sorted(points)

    # Refusals.

    @pytest.mark.parametrize(
        "vector", [[], [1.0], axis(0, 9), [math.nan, *axis(0)[1:]], [math.inf, *axis(0)[1:]]], ids=str
    )
    def test_a_vector_that_can_t_be_is_refused(self, vectors: Vectors, acme: UUID, vector: list[float]) -> None:
        with pytest.raises(ValueError):
            vectors.upsert(EMBEDDING, [_point(acme, 0), Point(acme, "contact", uuid4(), vector)])
        with pytest.raises(ValueError):
            vectors.query(EMBEDDING, acme, vector, scopes=ALL, limit=5)
        assert self.all(vectors, acme) == []

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_limit_below_one_is_refused(self, vectors: Vectors, acme: UUID, limit: int) -> None:
        with pytest.raises(ValueError):
            vectors.query(EMBEDDING, acme, axis(0), scopes=ALL, limit=limit)

    # Others, restarts, outages.

    def test_what_is_written_at_once_is_all_there(self, vectors: Vectors, acme: UUID) -> None:
        batches = [[_point(acme, number) for _ in range(40)] for number in range(8)]
        together(8, lambda number: vectors.upsert(EMBEDDING, batches[number]))
        assert _scanned(vectors, acme) == {point.id for batch in batches for point in batch}
        found = together(8, lambda number: vectors.query(EMBEDDING, acme, axis(number), scopes=ALL, limit=40))
        for number, hits in enumerate(found):
            assert set(_ids(hits)) == {point.id for point in batches[number]}

    def test_it_survives_a_restart(self, vectors: Vectors, build_vectors: BuildVectors, acme: UUID) -> None:
        kept, gone = Point(acme, "contact", uuid4(), axis(3), (uuid4(),)), _point(acme, 0)
        vectors.upsert(EMBEDDING, [kept, gone])
        vectors.delete(EMBEDDING, [_place(gone)])
        vectors.close()
        again = build_vectors()
        assert again.held() == EMBEDDING
        (hit,) = again.query(EMBEDDING, acme, axis(3), scopes=[Scope("contact", kept.keys)], limit=5)
        assert hit.id == kept.id
        assert hit.score == pytest.approx(1, abs=CLOSE)
        assert _scanned(again, acme) == {kept.id}
        other = Embedding("another-model", EMBEDDING.dimension)
        with pytest.raises(EmbeddingMismatch):
            again.upsert(other, [_point(acme, 0)])

    def test_another_process_sees_what_this_one_does(
        self, vectors: Vectors, build_vectors: BuildVectors, acme: UUID
    ) -> None:
        if not self.shared:
            pytest.skip("this index is for one process at a time (`shared`)")
        other = build_vectors()
        point = _point(acme, 0)
        vectors.upsert(EMBEDDING, [point])
        assert _ids(self.all(other, acme)) == [point.id]
        other.delete(EMBEDDING, [_place(point)])
        assert self.all(vectors, acme) == []
        changed = Embedding("another-model", EMBEDDING.dimension)
        other.recreate(changed)
        # The first has used its embedding until now, and must not mix its vectors with the other's.
        for call in _calls(vectors, EMBEDDING, acme):
            with pytest.raises(EmbeddingMismatch):
                call()
        assert _scanned(other, acme, changed) == set()

    def test_closing_twice_is_once(self, vectors: Vectors) -> None:
        vectors.close()
        vectors.close()

    def test_a_backend_that_does_not_answer_is_said_to_be_unavailable(
        self, vectors: Vectors, acme: UUID, cut_off: CutOff | None
    ) -> None:
        cut = needs_cut_off(cut_off)
        vectors.upsert(EMBEDDING, [_point(acme, 0)])
        cut()
        calls: list[Callable[[], object]] = [*_calls(vectors, EMBEDDING, acme), vectors.held]
        calls.append(lambda: vectors.recreate(EMBEDDING))
        for call in calls:
            with pytest.raises(VectorsUnavailable):
                call()

    def all(self, vectors: Vectors, organisation_id: UUID, near: Sequence[float] | None = None) -> list[Neighbour]:
        return list(vectors.query(EMBEDDING, organisation_id, near or axis(0), scopes=ALL, limit=100))


def _calls(vectors: Vectors, embedding: Embedding, organisation_id: UUID) -> list[Callable[[], object]]:
    """Every method that takes an embedding, with vectors that fit it."""
    vector = axis(0, embedding.dimension)
    place = Place(organisation_id, "contact", uuid4())
    return [
        lambda: vectors.upsert(embedding, [Point(organisation_id, "contact", uuid4(), vector)]),
        lambda: vectors.delete(embedding, [place]),
        lambda: vectors.query(embedding, organisation_id, vector, scopes=ALL, limit=5),
        lambda: vectors.scan(embedding, organisation_id),
    ]


def _point(organisation_id: UUID, number: int, type: str = "contact") -> Point:
    return Point(organisation_id, type, uuid4(), axis(number))


def _place(point: Point) -> Place:
    return Place(point.organisation_id, point.type, point.id)


def _ids(found: Iterable[Neighbour]) -> list[UUID]:
    return [hit.id for hit in found]


def _all_pages(
    vectors: Vectors, organisation_id: UUID | None, limit: int, embedding: Embedding = EMBEDDING
) -> list[Place]:
    met: list[Place] = []
    after: str | None = None
    while True:
        places, after = vectors.scan(embedding, organisation_id, after=after, limit=limit)
        assert len(places) <= limit
        met += places
        if after is None:
            return met


def _scanned(vectors: Vectors, organisation_id: UUID, embedding: Embedding = EMBEDDING) -> set[UUID]:
    return {place.id for place in _all_pages(vectors, organisation_id, 1000, embedding)}
