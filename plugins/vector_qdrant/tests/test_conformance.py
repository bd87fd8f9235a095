"""The suite, on both providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bharat.contracts.vectors import Vectors
from bharat.testing.suite import CutOff
from bharat.testing.vectors import BuildVectors, VectorsSuite
from bharat_vector_qdrant.embedded import EmbeddedVectors
from bharat_vector_qdrant.server import QdrantVectors
from tests.fixtures.qdrant import QdrantFacade, memory_folder


class TestQdrantVectors(VectorsSuite):
    @pytest.fixture
    def build_vectors(self, build_server: Callable[..., QdrantVectors]) -> BuildVectors:
        return build_server

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, qdrant: QdrantFacade) -> Iterator[CutOff]:
        yield qdrant.stop if request.param == "stopped" else qdrant.pause
        qdrant.resume()


class TestEmbeddedVectors(VectorsSuite):
    shared = False

    @pytest.fixture
    def build_vectors(self) -> Iterator[BuildVectors]:
        with ExitStack() as stack:
            folder = stack.enter_context(memory_folder())

            def builder() -> Vectors:
                built = EmbeddedVectors(folder / "vectors")
                stack.callback(built.close)
                return built

            yield builder
