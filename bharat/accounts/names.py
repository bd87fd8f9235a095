"""Names of users, teams, keys and the organisation: one line, of a length that the database has room for.

The patterns tell callers of the API; the functions hold for whoever writes: the command line, an import, a plugin."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.phrasing import END, TOLD

LONGEST_NAME: Final = 200
LONGEST_TEAM_NAME: Final = 100
LONGEST_REGION: Final = 100
LONGEST_DESCRIPTION: Final = 500
LINE: Final = rf"^[^\x00-\x1f\x7f]*{END}"
"""One line, perhaps an empty one."""
LINE_TOLD: Final = "must hold no line breaks or other control characters"

_TOLD = {TOLD: LINE_TOLD}
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=LINE, description="A name", extra=_TOLD)]
TeamName = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEAM_NAME, pattern=LINE, extra=_TOLD)]
Region = Annotated[str, Meta(max_length=LONGEST_REGION, pattern=LINE, extra=_TOLD)]
Description = Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)]

_LINE = re.compile(LINE)


def trimmed(text: str, path: str = "/name", *, longest: int = LONGEST_NAME) -> str:
    """The name without space around it. Raises `Invalid` when nothing is left, when it is too long or no single line."""
    if not (plain := text.strip()):
        raise Invalid("A name is needed.", faults=[FieldFault(path, "must hold more than spaces")])
    check_line(plain, path, longest=longest)
    return plain


def check_line(text: str | None, path: str, *, longest: int) -> None:
    """Raise `Invalid` for a text that is too long or no single line."""
    check_length(text, path, longest=longest)
    if text is not None and not _LINE.match(text):
        raise Invalid(f"The {path[1:]} {LINE_TOLD}.", faults=[FieldFault(path, LINE_TOLD)])


def check_length(text: str | None, path: str, *, longest: int) -> None:
    """Raise `Invalid` for a text that is too long."""
    if text is not None and len(text) > longest:
        detail = f"must have at most {longest} characters"
        raise Invalid(f"The {path[1:]} {detail}.", faults=[FieldFault(path, detail)])
