"""The provider's check: did the model answer when it was asked last? It is not asked for this: that may cost."""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat_embeddings_http.model import HttpModel


def examine(embeddings: HttpModel) -> Finding:
    """What is to be said of the model."""
    if embeddings.resting:
        return Finding(
            Status.DEGRADED,
            "the embedding server did not answer a moment ago",
            "see that it runs and that embeddings.http.url is right",
        )
    return Finding(Status.OK, f"vectors come from the model {embeddings.name}")
