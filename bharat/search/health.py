"""The health check: does the vector index fit, and is it complete?"""

from __future__ import annotations

from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.vectors import REBUILD, EmbeddingMismatch, IndexMissing, VectorsUnavailable, embedding_of
from bharat.search.application import uses_vectors
from bharat.search.state import known_index


def examine(app: Application) -> Finding:
    """What is to be said of search; nothing of it stops any other part."""
    if not app.vectors.enabled:
        return Finding(Status.OK, "search by words; there is no vector index")
    if not uses_vectors(app):
        return Finding(
            Status.DEGRADED, "there is a vector index, and nothing that makes vectors", "choose embeddings.provider"
        )
    embedding = embedding_of(app.embeddings)
    try:
        held = app.vectors.held()
    except VectorsUnavailable as error:
        return Finding(Status.DEGRADED, f"search by words alone: {error}", "see that the vector index runs")
    known = known_index(app.database)
    if held is None and known is None:
        return Finding(Status.OK, "the vector index is made when the first record is changed")
    if held is not None and held != embedding:
        return Finding(Status.DEGRADED, str(EmbeddingMismatch(held, embedding)), REBUILD)
    if held is None or known is None or known.embedding != embedding:
        return Finding(Status.DEGRADED, str(IndexMissing()), REBUILD)
    if known.finished_at is None:
        return Finding(
            Status.DEGRADED,
            "the vector index is being rebuilt, or its rebuild was stopped",
            f"let it end, or {REBUILD}",
        )
    return Finding(Status.OK, f"the vector index holds {embedding}")


SEARCH = Check(name="search", run=examine)
