"""What an error adds to a name that nobody knows: the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    found = difflib.get_close_matches(name[:80], list(known), n=1)
    return found[0] if found else None


class Hints:
    """`hint` for the faults of one answer: only the first ones get one, since each is searched for among all known names."""

    MOST = 10

    def __init__(self) -> None:
        self._left = self.MOST

    def __call__(self, name: str, known: Iterable[str]) -> str:
        if not self._left:
            return ""
        self._left -= 1
        return hint(name, known)


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a known name is close, else nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""
