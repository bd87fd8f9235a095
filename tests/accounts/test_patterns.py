"""A pattern's `$` is the end of the text, in whatever a body holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from bharat.contracts.phrasing import END
from bharat.contracts.route import Stream
from tests.fixtures.application import Site


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_no_line_break_passes_behind_the_end_of_a_pattern(crm: Site) -> None:
    routes = [owned.item for owned in crm.app.routes()]
    types = [type for route in routes for type in (route.body, route.query) if not isinstance(type, Stream | None)]
    _, schemas = msgspec.json.schema_components(types)
    patterns = set(found(schemas))
    assert len(patterns) > 5
    assert {pattern for pattern in patterns if pattern.endswith("$") and not pattern.endswith(END)} == set()


def found(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from found(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from found(part)
