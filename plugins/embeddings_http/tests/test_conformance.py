"""The suite, on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from bharat.testing.embeddings import BuildEmbeddings, EmbeddingsSuite
from bharat.testing.suite import CutOff
from bharat_embeddings_http.model import HttpModel

if TYPE_CHECKING:
    from plugins.embeddings_http.tests.conftest import ModelServer


class TestHttpModel(EmbeddingsSuite):
    @pytest.fixture
    def build_embeddings(self, build_model: Callable[..., HttpModel]) -> BuildEmbeddings:
        return build_model

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, model_server: ModelServer) -> Iterator[CutOff]:
        yield model_server.stop if request.param == "stopped" else model_server.pause
        model_server.resume()
