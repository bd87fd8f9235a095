"""The health check: is the index in Qdrant at all, and does it answer?"""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.vectors import Vectors, VectorsUnavailable


def examine(vectors: Vectors) -> Finding:
    """What is to be said of the application's index; whether it fits the embedding, the core's check `search` says."""
    if not type(vectors).__module__.startswith(__package__):
        return Finding(
            Status.DEGRADED,
            "the plugin vector_qdrant is enabled, and the vector index is not in Qdrant",
            'set vectors.provider to "qdrant" or "qdrant_embedded", or disable the plugin',
        )
    try:
        vectors.held()
    except VectorsUnavailable as error:
        # Search goes on by words.
        return Finding(Status.DEGRADED, str(error), "see that Qdrant runs and that [vectors] says where")
    return Finding(Status.OK, "Qdrant answers")
