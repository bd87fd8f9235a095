"""Capabilities `embeddings` and `vectors`: nearest-neighbour search. The index can be rebuilt from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class Embeddings(Protocol):
    """Texts to vectors. `enabled` is false for the provider `off`; its `embed` raises `RuntimeError`."""

    @property
    def enabled(self) -> bool: ...

    @property
    def name(self) -> str:
        """Names the model and its version; stored beside the index, which refuses vectors of another."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit-length vector of `dimension` floats per text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """A record's place in the index."""

    organisation_id: UUID
    type: str
    id: UUID
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A hit; `score` is the cosine similarity, higher is nearer."""

    type: str
    id: UUID
    score: float


class Vectors(Protocol):
    """The index. `enabled` is false for the provider `off`, which keeps nothing and finds nothing."""

    @property
    def enabled(self) -> bool: ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace a batch."""
        ...

    def delete(self, organisation_id: UUID, type: str, ids: Sequence[UUID]) -> None:
        """Remove a batch; absent ids are a no-op."""
        ...

    def query(
        self, organisation_id: UUID, vector: Sequence[float], *, types: Sequence[str], limit: int
    ) -> Sequence[Neighbour]:
        """The nearest points of this organisation and these types, nearest first."""
        ...

    def close(self) -> None: ...
