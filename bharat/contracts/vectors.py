"""Capabilities `embeddings` and `vectors`: nearest-neighbour search. The index can be rebuilt from the database.

An index belongs to one embedding, a model's name and its dimension: vectors of two models can't be compared, and often have the same
length. So each call says which embedding it speaks of, and an index of another refuses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from bharat.contracts.errors import BharatError

REBUILD = "run `bharat reindex`"
"""The remedy for an index that is missing or another's."""

Purpose = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class Embedding:
    """What makes vectors comparable. `name` names the model and its version."""

    name: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.name!r} with {self.dimension} dimensions"


class EmbeddingsUnavailable(BharatError):
    """The model does not answer, or answers nothing that can be used. The message holds no secret and none of the texts."""


class VectorsUnavailable(BharatError):
    """The index does not answer. Whether a write happened is unknown; it can be done again."""


class IndexMissing(BharatError):
    """There is no index: it was never built, or is lost."""

    def __init__(self) -> None:
        super().__init__(f"There is no vector index; {REBUILD}.")


class EmbeddingMismatch(BharatError):
    """The index holds vectors of another embedding than the one that was asked for. Nothing was read or changed."""

    def __init__(self, held: Embedding, asked: Embedding) -> None:
        super().__init__(f"The vector index belongs to the embedding {held}, and {asked} is chosen; {REBUILD}.")
        self.held = held
        self.asked = asked


class Embeddings(Protocol):
    """Texts to vectors. `enabled` is false for the provider `off`; its `embed` raises `RuntimeError`."""

    @property
    def enabled(self) -> bool: ...

    @property
    def name(self) -> str:
        """Names the model and its version, with all that changes its vectors; at most 120 characters."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def threshold(self) -> float:
        """The cosine similarity below which a query and a text are taken to have nothing to do with each other."""
        ...

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        """One unit-length vector of `dimension` floats per text, in order; the same for the same text on every node.

        `purpose` says whether the texts are to be found or to be looked for; some models tell the two apart. Any text will do, an empty
        one too. Raises `EmbeddingsUnavailable`, and then none of the texts is embedded."""
        ...

    def close(self) -> None:
        """Give back connections. Idempotent."""
        ...


def embedding_of(embeddings: Embeddings) -> Embedding:
    """What its vectors are comparable by."""
    return Embedding(embeddings.name, embeddings.dimension)


@dataclass(frozen=True, slots=True)
class Place:
    """Which record a point stands for. The three together are its identity."""

    organisation_id: UUID
    type: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Point:
    """A record's place in the index. `keys` are ids that a query may ask for: the record's owner and team."""

    organisation_id: UUID
    type: str
    id: UUID
    vector: Sequence[float]
    keys: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query reaches of one type: all its points, or those that have at least one of `keys`."""

    type: str
    keys: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A hit; `score` is the cosine similarity, higher is nearer."""

    type: str
    id: UUID
    score: float


class Vectors(Protocol):
    """The index. `enabled` is false for the provider `off`, which keeps nothing and finds nothing.

    Only `recreate` makes an index. The methods that take an embedding raise `IndexMissing` when there is none, `EmbeddingMismatch` when
    it is another's, and, as every method, `VectorsUnavailable` when the backend does not answer. What a call has written is found by
    the next one, from any process, and after a restart."""

    @property
    def enabled(self) -> bool: ...

    def held(self) -> Embedding | None:
        """Whose vectors the index holds; `None` when there is no index."""
        ...

    def recreate(self, embedding: Embedding) -> None:
        """Drop the index, whosever it is, and make an empty one. Another process that still uses an embedding that was dropped is
        refused from now on."""
        ...

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        """Add or replace a batch of any size. Raises `ValueError`, before anything is written, for a vector of another length or with
        a number that is not finite. Vectors are expected to be of unit length."""
        ...

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        """Remove a batch of any size; absent ones are a no-op."""
        ...

    def query(
        self,
        embedding: Embedding,
        organisation_id: UUID,
        vector: Sequence[float],
        *,
        scopes: Sequence[Scope],
        limit: int,
    ) -> Sequence[Neighbour]:
        """The at most `limit` nearest points of this organisation within the scopes, nearest first. An index may be approximate:
        of many it may miss a few. Raises `ValueError` for a vector as in `upsert` and a limit below 1."""
        ...

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        """Up to `limit` places of the organisation, or with `None` of all, in an order of the backend's, and what to give as `after`
        for the next ones; `None` at the end. What is there throughout is met exactly once."""
        ...

    def close(self) -> None:
        """Give back connections and files. Idempotent."""
        ...


def check_vector(embedding: Embedding, vector: Sequence[float]) -> None:
    """Raise `ValueError` unless it has the embedding's dimension and every number is finite."""
    if len(vector) != embedding.dimension:
        raise ValueError(
            f"a vector has {len(vector)} numbers, and those of {embedding.name!r} have {embedding.dimension}"
        )
    # One number that is not finite makes the sum so too.
    if not math.isfinite(sum(vector)):
        raise ValueError("a vector holds a number that is not finite")


def check_query(embedding: Embedding, vector: Sequence[float], limit: int) -> None:
    """Raise `ValueError` for what `Vectors.query` does not take."""
    check_vector(embedding, vector)
    if limit < 1:
        raise ValueError(f"a query for {limit} points finds nothing: the least is 1")
