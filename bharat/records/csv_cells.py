"""Text cells of CSV files that a spreadsheet opens: no exported cell is a formula, and an import takes that back exactly.

A text that a spreadsheet might run (it begins with `=`, `+`, `-`, `@`, a tab, CR, LF or a full-width form of these) is
exported with an apostrophe before it (OWASP, "CSV Injection"). A text that begins with apostrophes and then such a
character gets one more. So a cell of apostrophes followed by such a character always has one too many, and the import
removes exactly one.
"""

from __future__ import annotations

import re

_RUNS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_RISKY = re.compile(f"'*[{_RUNS}]")
_MARKED = re.compile(f"'+[{_RUNS}]")


def neutral(text: str) -> str:
    """The cell to write for a text."""
    return f"'{text}" if _RISKY.match(text) else text


def restored(cell: str) -> str:
    """The text that `neutral` was given."""
    return cell[1:] if _MARKED.match(cell) else cell
