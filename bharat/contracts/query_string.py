"""Query strings, read strictly: what can be misread is refused."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from bharat.contracts.errors import FieldFault, Malformed


def parse_query(raw: str) -> dict[str, str]:
    """Name to value. Raises `Malformed` for a repeated name, bad UTF-8 or U+0000."""
    found: dict[str, str] = {}
    for part in raw.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            key, text = (unquote_to_bytes(item.replace("+", " ")).decode() for item in (name, value))
        except UnicodeDecodeError:
            raise Malformed("The query string is not valid UTF-8.") from None
        if "\0" in key or "\0" in text:
            raise Malformed("The query string holds the character U+0000.", faults=[FieldFault("?", "U+0000")])
        if key in found:
            raise Malformed("A query parameter is given twice.", faults=[FieldFault(f"?{key}", "given more than once")])
        found[key] = text
    return found
