"""What a job or an event may carry: JSON that both databases can store, and not too much of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 256 * 1024
"""A payload names what to work on; content belongs in a record or a file."""

# An odd number of backslashes: an escaped NUL, not the six characters themselves.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def checked(payload: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy as it will come back from the database.

    Raises `ValueError` naming `what` for a value that is not JSON (RFC 8259), text that PostgreSQL can't store (NUL,
    lone surrogates), or more than `MAX_BYTES`."""
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds text that is not valid Unicode") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON: {error}; give ids as str(id) and times as .isoformat()") from None
    if _NUL.search(text):
        raise ValueError(f"{what} holds a NUL character, which PostgreSQL can't store")
    if size > MAX_BYTES:
        raise ValueError(f"{what} takes {size} bytes; at most {MAX_BYTES}: keep the content in a record or a file")
    found: dict[str, Any] = json.loads(text)
    return found
