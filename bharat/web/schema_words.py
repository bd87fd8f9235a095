"""JSON Schema in a few words, for the API reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bharat.contracts.html import Content, link

# A whole number that JSON carries exactly (RFC 7493, 2.2). As a limit it says nothing of the field.
_EXACT = 2**53 - 1


def anchor(kind: str, name: str) -> str:
    """The id on the page of an operation, a schema or a group."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}"


def type_in_words(schema: Mapping[str, Any]) -> Content:
    """What a value may be; a named schema is a link to its place on the page."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return link(f"#{anchor('schema', name)}", name)
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            parts: list[Content] = []
            for option in schema[joined]:
                parts += [" or ", type_in_words(option)] if parts else [type_in_words(option)]
            return parts
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "anything")
    limits = _limits(schema)
    if kind == "array":
        return ["list of ", type_in_words(schema.get("items") or {}), *limits]
    words = str(kind) if isinstance(kind, str) else " or ".join(kind)
    if form := schema.get("format"):
        words += f" ({form})"
    return "".join([words, *limits])


def _limits(schema: Mapping[str, Any]) -> list[str]:
    found = [
        _range(schema.get("minLength"), schema.get("maxLength"), "character"),
        _range(_telling(schema.get("minimum")), _telling(schema.get("maximum"))),
        f"more than {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else "",
        f"less than {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else "",
        _range(schema.get("minItems"), schema.get("maxItems"), "item"),
    ]
    return [f", {words}" for words in found if words]


def _telling(limit: float | None) -> float | None:
    return None if limit is None or abs(limit) >= _EXACT else limit


def _range(least: float | None, most: float | None, unit: str = "") -> str:
    """`1–200 characters`, `at least 0`, or nothing."""
    if least is None and most is None:
        return ""
    if least is not None and most is not None:
        amount = str(least) if least == most else f"{least}\N{EN DASH}{most}"
    else:
        amount = f"at most {most}" if least is None else f"at least {least}"
    last = most if most is not None else least
    return f"{amount} {unit}{'' if last == 1 else 's'}" if unit else amount
