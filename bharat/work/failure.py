"""What is told of a job's error. Only Bharat's own messages are meant to be read; others may quote a secret, so that of
them it is the type and the place, in the database and in the log alike."""

from __future__ import annotations

import re
import traceback

from bharat.contracts.errors import BharatError

_LONGEST = 500
# NUL and lone surrogates have no place in a PostgreSQL text, and the latter in no UTF-8 log.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def describe(error: BaseException) -> str:
    """One line, or a few of a `BharatError`, that any database can store."""
    if isinstance(error, BharatError) or (isinstance(error, TimeoutError) and error.__traceback__ is None):
        told = str(error)
    else:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" in {frames[-1].name}, {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        told = f"{type(error).__name__}{place}"
    return _UNSTORABLE.sub("\ufffd", told)[:_LONGEST]


def origin(error: BaseException) -> str:
    """The traceback without the words of any error in it: the types and frames of what caused it, and its own last."""
    parts: list[str] = []
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        parts.append("".join(traceback.format_tb(link.__traceback__)) + type(link).__name__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return _UNSTORABLE.sub("\ufffd", "\nwhich led to\n".join(reversed(parts)))
