"""The health check: is the model used at all, and did it answer when it was asked last? It is not asked for this: that may cost."""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.vectors import Embeddings
from bharat_embeddings_http.model import HttpModel


def examine(embeddings: Embeddings) -> Finding:
    """What is to be said of the application's embeddings."""
    if not isinstance(embeddings, HttpModel):
        return Finding(
            Status.DEGRADED,
            "the plugin embeddings_http is enabled, and embeddings come from elsewhere",
            'set embeddings.provider to "http", or disable the plugin',
        )
    if embeddings.resting:
        return Finding(
            Status.DEGRADED,
            "the embedding server did not answer a moment ago",
            "see that it runs and that embeddings.http.url is right",
        )
    return Finding(Status.OK, f"vectors come from the model {embeddings.name}")
