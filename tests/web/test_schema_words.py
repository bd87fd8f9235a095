"""What the reference says of a value."""

from __future__ import annotations

from typing import Any

import pytest

from bharat.contracts.html import render
from bharat.web.schema_words import type_in_words


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 200}, "string, 1\N{EN DASH}200 characters"),
        ({"type": "string", "maxLength": 1}, "string, at most 1 character"),
        ({"type": "string", "minLength": 3, "maxLength": 3}, "string, 3 characters"),
        ({"type": "string", "format": "uuid"}, "string (uuid)"),
        ({"type": "integer", "minimum": 0}, "integer, at least 0"),
        ({"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, "integer, at least 0"),
        ({"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}, "integer"),
        ({"type": "number", "exclusiveMinimum": 0}, "number, more than 0"),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
            "list of string, 1\N{EN DASH}100 items",
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"$ref": "#/components/schemas/Deal"}, '<a href="#schema-Deal">Deal</a>'),
    ],
)
def test_a_schema_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert render(type_in_words(schema)) == words
