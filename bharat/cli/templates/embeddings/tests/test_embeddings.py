"""The embeddings keep every promise of their contract."""

from __future__ import annotations

import pytest
from bharat.testing.embeddings import BuildEmbeddings, EmbeddingsSuite

from bharat.cli.templates.embeddings import NewPluginOptions
from bharat.cli.templates.embeddings.embeddings import NewPluginEmbeddings


class TestNewPlugin(EmbeddingsSuite):
    @pytest.fixture
    def build_embeddings(self) -> BuildEmbeddings:
        return lambda: NewPluginEmbeddings(NewPluginOptions())


def test_another_dimension_is_another_embedding() -> None:
    small = NewPluginEmbeddings(NewPluginOptions(dimension=64))
    large = NewPluginEmbeddings(NewPluginOptions(dimension=128))
    assert small.name != large.name
    assert [len(vector) for vector in large.embed(["Asha"])] == [128]
