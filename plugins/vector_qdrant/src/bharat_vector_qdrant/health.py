"""The check of both providers: does the index answer?"""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.vectors import Vectors, VectorsUnavailable


def examine(vectors: Vectors) -> Finding:
    """What is to be said of the index; whether it fits the embedding, the core's check `search` says."""
    try:
        vectors.held()
    except VectorsUnavailable as error:
        # Search goes on by words.
        return Finding(Status.DEGRADED, str(error), "see that Qdrant runs and that [vectors] says where")
    return Finding(Status.OK, "Qdrant answers")
