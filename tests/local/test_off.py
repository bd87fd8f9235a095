"""The providers `off`."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from bharat.contracts.cache import Cache
from bharat.contracts.realtime import Realtime
from bharat.contracts.vectors import Embedding, Embeddings, Place, Point, Scope, Vectors
from bharat.local.off import NoCache, NoEmbeddings, NoRealtime, NoVectors

HOUR = timedelta(hours=1)


def test_pushes_go_nowhere() -> None:
    realtime: Realtime = NoRealtime()
    assert realtime.enabled is False
    realtime.emit("room", "event", {})
    realtime.disconnect(uuid4(), uuid4())
    realtime.close()


def test_vectors_are_not_kept() -> None:
    vectors: Vectors = NoVectors()
    organisation, record = uuid4(), uuid4()
    assert vectors.enabled is False
    embedding = Embedding("letters", 1)
    vectors.recreate(embedding)
    vectors.upsert(embedding, [Point(organisation, "deal", record, [1.0])])
    assert vectors.held() is None
    assert list(vectors.query(embedding, organisation, [1.0], scopes=[Scope("deal")], limit=5)) == []
    assert vectors.scan(embedding, None) == ((), None)
    vectors.delete(embedding, [Place(organisation, "deal", record)])
    vectors.close()


def test_embedding_without_a_model_is_an_error() -> None:
    embeddings: Embeddings = NoEmbeddings()
    assert (embeddings.enabled, embeddings.name, embeddings.dimension) == (False, "off", 0)
    with pytest.raises(RuntimeError, match="no embeddings provider"):
        embeddings.embed(["text"])
    embeddings.close()


def test_a_cache_that_is_off_always_misses() -> None:
    cache: Cache = NoCache()
    cache.set("a", b"x", ttl=HOUR)
    assert cache.get("a") is None
    assert cache.get_or_compute("a", lambda: b"1", ttl=HOUR) == b"1"
    assert cache.get_or_compute("a", lambda: b"2", ttl=HOUR) == b"2"
    cache.delete("a")
    cache.clear()
    with pytest.raises(ValueError):
        cache.get("a b")
    cache.close()
