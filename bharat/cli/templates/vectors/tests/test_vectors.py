"""The index keeps every promise of its contract."""

from __future__ import annotations

from uuid import uuid4

import pytest
from bharat.contracts.vectors import Embedding, Point, Scope
from bharat.testing.platform import SmallPlatform
from bharat.testing.vectors import BuildVectors, VectorsSuite

from bharat.cli.templates.vectors import NewPluginOptions
from bharat.cli.templates.vectors.vectors import NewPluginVectors


class TestNewPlugin(VectorsSuite):
    @pytest.fixture
    def build_vectors(self, platform: SmallPlatform) -> BuildVectors:
        return lambda: NewPluginVectors(NewPluginOptions(), platform)


def test_points_are_there_after_a_restart(platform: SmallPlatform) -> None:
    embedding, organisation, record = Embedding("letters", 2), uuid4(), uuid4()
    first = NewPluginVectors(NewPluginOptions(), platform)
    first.recreate(embedding)
    first.upsert(embedding, [Point(organisation, "contact", record, [1.0, 0.0])])
    again = NewPluginVectors(NewPluginOptions(), platform)
    (hit,) = again.query(embedding, organisation, [1.0, 0.0], scopes=[Scope("contact")], limit=1)
    assert hit.id == record
