"""`vectors`: the vector index through Bharat's provider beside the bare client, on one server, in the same run.

Both write and ask the same: points of 384 dimensions with organisation, type, record and keys, in batches of 200, waited for; the 20
nearest of one organisation within a scope of all of one type and another of one owner's. The server is the stand-in that the tests use
(`tests/fixtures/qdrant.py`), a process of its own, so that the time of this process is the client's and the provider's alone. They take turns
by small rounds, each into a collection of its own.
"""

from __future__ import annotations

import gc
import math
import random
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from uuid import UUID, uuid4

from qdrant_client import QdrantClient, models

from benchmarks.report import Goal, say, table
from bharat.contracts.vectors import Embedding, Point, Scope
from bharat_vector_qdrant import QdrantOptions
from bharat_vector_qdrant.server import QdrantVectors
from tests.fixtures.qdrant import QdrantFacade

DIMENSION = 384
BATCH = 200
CHUNK = 2000
"""Points that one contender writes before it is the other's turn."""
DISTINCT = 2000
"""Different vectors; 100,000 as Python's floats would take gigabytes."""
QUERIES, TURN = 400, 20
LIMIT = 20
BOUND = 1.2
EMBEDDING = Embedding("benchmark", DIMENSION)
BARE = "bare"


@dataclass
class Times:
    """Seconds of each round, by the clock and of this process's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, act: Callable[[], object]) -> None:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


class Bare:
    """What somebody writes who has the client and nothing else."""

    def __init__(self, url: str, key: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the key goes over loopback
            self._client = QdrantClient(url=url, api_key=key, timeout=30, check_compatibility=False)
        vectors = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
        self._client.create_collection(BARE, vectors_config=vectors)
        for name in ("organisation", "type", "keys"):
            self._client.create_payload_index(BARE, name, models.PayloadSchemaType.KEYWORD)

    def upsert(self, points: Sequence[Point]) -> None:
        for begin in range(0, len(points), BATCH):
            some = points[begin : begin + BATCH]
            batch = models.Batch(
                ids=[str(point.id) for point in some],
                vectors=[list(point.vector) for point in some],
                payloads=[
                    {
                        "organisation": str(point.organisation_id), "type": point.type, "record": str(point.id),
                        "keys": [str(key) for key in point.keys],
                    }
                    for point in some
                ],
            )  # fmt: skip
            self._client.upsert(BARE, batch, wait=True)

    def query(self, organisation: UUID, vector: Sequence[float], owner: UUID) -> list[tuple[str, UUID, float]]:
        within = models.Filter(
            must=[models.FieldCondition(key="organisation", match=models.MatchValue(value=str(organisation)))],
            should=[
                models.FieldCondition(key="type", match=models.MatchAny(any=["contact"])),
                models.Filter(
                    must=[
                        models.FieldCondition(key="type", match=models.MatchValue(value="company")),
                        models.FieldCondition(key="keys", match=models.MatchAny(any=[str(owner)])),
                    ]
                ),
            ],
        )
        answer = self._client.query_points(
            BARE,
            query=list(vector),
            query_filter=within,
            limit=LIMIT,
            with_payload=["type", "record"],
            with_vectors=False,
        )
        found = [(point.payload or {}, point.score) for point in answer.points]
        return [(payload["type"], UUID(payload["record"]), score) for payload, score in found]

    def close(self) -> None:
        self._client.close()


def run(points: int) -> list[Goal]:
    rng = random.Random(1)
    vectors = [_unit(rng) for _ in range(DISTINCT)]
    organisation, owners = uuid4(), [uuid4() for _ in range(20)]
    with QdrantFacade() as server:
        options = QdrantOptions(url=server.url, api_key=server.api_key, timeout=30, write_timeout=30, batch=BATCH)
        ours, bare = QdrantVectors(options), Bare(server.url, server.api_key)
        ours.recreate(EMBEDDING)

        def ask_ours(number: int) -> list[tuple[str, UUID, float]]:
            scopes = [Scope("contact"), Scope("company", (owners[number % 20],))]
            hits = ours.query(EMBEDDING, organisation, vectors[number], scopes=scopes, limit=LIMIT)
            return [(hit.type, hit.id, hit.score) for hit in hits]

        def ask_bare(number: int) -> list[tuple[str, UUID, float]]:
            return bare.query(organisation, vectors[number], owners[number % 20])

        upserts, queries = (Times(), Times()), (Times(), Times())
        for turn in range(max(1, points // CHUNK)):
            chunk = [
                Point(organisation, "contact" if number % 2 else "company", uuid4(), vectors[number % DISTINCT], (owners[number % 20],))
                for number in range(CHUNK)
            ]  # fmt: skip
            acts = [(upserts[0], lambda chunk=chunk: ours.upsert(EMBEDDING, chunk)), (upserts[1], lambda chunk=chunk: bare.upsert(chunk))]  # fmt: skip
            for times, act in acts if turn % 2 else reversed(acts):
                times.measure(act)
        for number in range(20):
            _agree(ask_ours(number), ask_bare(number))
        for turn in range(QUERIES // TURN):
            numbers = range(turn * TURN, (turn + 1) * TURN)
            both = [
                (queries[0], lambda numbers=numbers: [ask_ours(number) for number in numbers]),
                (queries[1], lambda numbers=numbers: [ask_bare(number) for number in numbers]),
            ]
            for times, act in both if turn % 2 else reversed(both):
                times.measure(act)
        bare.close()
        ours.close()
    say(
        f"\nthe vector index: {points} points of {DIMENSION} dimensions, {QUERIES} queries; times of the bare client are 1"
    )
    return [*_told("upsert", *upserts), *_told("query", *queries)]


def _told(what: str, ours: Times, bare: Times) -> list[Goal]:
    goals, lines = [], []
    for name in ("wall", "cpu"):
        first, second = getattr(ours, name), getattr(bare, name)
        ratios = [one / other for one, other in zip(first, second, strict=True)]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
        goals.append(Goal(f"vectors, {what}, {name}", median(ratios), BOUND, at_least=False))
        lines.append((f"{what}, {name}", f"{sum(first):.2f}", f"{sum(second):.2f}", f"{median(ratios):.2f}; {low:.2f}–{high:.2f}"))  # fmt: skip
    table(("", "bharat, s", "bare client, s", "ratio; quartiles"), lines)
    return goals


def _agree(ours: list[tuple[str, UUID, float]], bare: list[tuple[str, UUID, float]]) -> None:
    """Equal vectors are told apart by nothing: the scores must be the same, in order."""
    if [round(hit[2], 4) for hit in ours] != [round(hit[2], 4) for hit in bare]:
        raise AssertionError("the contenders found different things")


def _unit(rng: random.Random) -> list[float]:
    vector = [rng.gauss(0, 1) for _ in range(DIMENSION)]
    length = math.hypot(*vector)
    return [value / length for value in vector]
