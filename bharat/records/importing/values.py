"""One cell as the value of a field. What may be stored is decided by the field's `Kind`, the same as for JSON; what is added
here are the ways in which files write it: other words for yes and no, capitals in choices, dates in the file's own order."""

from __future__ import annotations

from typing import Any

from bharat.records.csv_cells import restored
from bharat.records.importing.options import ImportOptions
from bharat.records.kinds import (
    BooleanKind,
    ChoiceKind,
    CurrencyKind,
    DateKind,
    InstantKind,
    IntegerKind,
    Kind,
    TextKind,
)

_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "on"}), frozenset({"false", "no", "n", "0", "off"})


def parse(kind: Kind, cell: str, options: ImportOptions) -> Any:
    """The stored value of a cell that is neither empty nor a null word. Raises `ValueError` with the reason, told to the
    person who made the file."""
    text = restored(cell)
    if isinstance(kind, TextKind):
        return kind.read(text)
    text = text.strip()
    match kind:
        case IntegerKind():
            return kind.read(_whole(text), text=True)
        case BooleanKind():
            return _boolean(text)
        case DateKind():
            return options.read_date(text)
        case InstantKind():
            return kind.take(options.read_moment(text))
        case ChoiceKind():
            return _choice(kind, text)
        case CurrencyKind():
            return kind.read(text.upper())
        case _:
            return kind.read(text)


def _whole(text: str) -> str:
    """Spreadsheets write whole numbers with a decimal part of zeros when the column holds another fraction."""
    whole, point, fraction = text.partition(".")
    return whole if point and fraction and not fraction.strip("0") else text


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("must be yes or no")


def _choice(kind: ChoiceKind, text: str) -> str:
    for option in kind.options:
        if option.lower() == text.lower():
            return option
    raise ValueError(f"must be one of {', '.join(kind.options)}")
