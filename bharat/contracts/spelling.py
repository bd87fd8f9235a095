"""What an error adds to a name that nobody knows: the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    found = difflib.get_close_matches(name[:80], list(known), n=1)
    return found[0] if found else None


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a known name is close, else nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""
