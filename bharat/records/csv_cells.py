"""Text cells of CSV files that a spreadsheet opens: no exported cell is a formula, and an import takes that back exactly.

A text that a spreadsheet might run (it begins with `=`, `+`, `-`, `@`, a tab, CR, LF or a full-width form of these) is
exported with an apostrophe before it (OWASP, "CSV Injection"). Where the semicolon separates cells, as in much of Europe,
a spreadsheet that opens a file of commas passes over the quotation marks inside a line and begins a cell after every semicolon
and line break of a text; so a sign that begins a formula is treated alike there, quotation marks before it or not. Where
apostrophes stand already, one more is added: each place has one too many, and the import removes exactly one.
"""

from __future__ import annotations

import re

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_AT_START = f"'*[{_SIGNS}\t\r\n]"
_WITHIN = f"['\"]*[{_SIGNS}]"
_RISKY = re.compile(f"\\A(?={_AT_START})|(?<=[;\t\r\n])(?={_WITHIN})")
_MARKED = re.compile(f"\\A'(?={_AT_START})|(?<=[;\t\r\n])'(?={_WITHIN})")


def neutral(text: str) -> str:
    """The cell to write for a text."""
    return _RISKY.sub("'", text)


def restored(cell: str) -> str:
    """The text that `neutral` was given."""
    return _MARKED.sub("", cell)
