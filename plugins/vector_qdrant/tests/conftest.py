"""A Qdrant server, as far as tests can have one; missing its engine, it is a loud skip, and a failure when CI is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bharat_vector_qdrant import QdrantOptions
from bharat_vector_qdrant.server import QdrantVectors
from tests.fixtures.qdrant import QdrantFacade

BuildServer = Callable[..., QdrantVectors]


@pytest.fixture(scope="module")
def running_qdrant() -> Iterator[QdrantFacade]:
    with QdrantFacade() as server:
        yield server


@pytest.fixture
def qdrant(running_qdrant: QdrantFacade) -> QdrantFacade:
    """Running and empty."""
    running_qdrant.start()  # a test before may have stopped it
    running_qdrant.empty()
    return running_qdrant


@pytest.fixture
def build_server(qdrant: QdrantFacade) -> Iterator[BuildServer]:
    """Builds the provider as one more process does."""
    with ExitStack() as stack:

        def builder(**more: Any) -> QdrantVectors:
            options = {"url": qdrant.url, "api_key": qdrant.api_key, "timeout": 1, "write_timeout": 2, **more}
            built = QdrantVectors(QdrantOptions(**options))
            stack.callback(built.close)
            return built

        yield builder
