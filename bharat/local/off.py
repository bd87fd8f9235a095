"""The providers `off`: capabilities that are not wanted, honest about it. Each keeps nothing, so any number of nodes may share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from bharat.contracts.cache import validate_cache_key, validate_cache_ttl
from bharat.contracts.vectors import Embedding, Neighbour, Place, Point, Purpose, Scope


class NoRealtime:
    """Pushes to nobody: clients learn of changes when they next ask."""

    enabled = False

    def emit(self, room: str, event: str, payload: dict[str, Any]) -> None:
        return None

    def disconnect(self, organisation_id: UUID, user_id: UUID) -> None:
        return None

    def close(self) -> None:
        return None


class NoVectors:
    """Keeps no vector and finds none."""

    enabled = False

    def held(self) -> Embedding | None:
        return None

    def recreate(self, embedding: Embedding) -> None:
        return None

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        return None

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        return None

    def query(
        self,
        embedding: Embedding,
        organisation_id: UUID,
        vector: Sequence[float],
        *,
        scopes: Sequence[Scope],
        limit: int,
    ) -> Sequence[Neighbour]:
        return ()

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        return (), None

    def close(self) -> None:
        return None


class NoEmbeddings:
    """Has no model. Ask `enabled` before `embed`."""

    enabled = False
    name = "off"
    dimension = 0
    threshold = 0.0

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        raise RuntimeError(
            "no embeddings provider is chosen: set [embeddings] provider, or ask `embeddings.enabled` first"
        )

    def close(self) -> None:
        return None


class NoCache:
    """Every look-up is a miss: what a cluster without a shared cache uses, since nodes must not disagree."""

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        return None

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)

    def delete(self, key: str) -> None:
        validate_cache_key(key)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        return compute()

    def clear(self) -> None:
        return None

    def close(self) -> None:
        return None
