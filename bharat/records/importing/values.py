"""One cell as the value of a field. What the type itself allows (lengths, ranges) is checked when the record is written,
by the same rules as everywhere; here a text becomes a number, a date, a choice, or is refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from bharat.contracts.records import AnyField, Boolean, Choice, Date, Instant, Integer, Money, Number, Text
from bharat.records.csv_cells import restored
from bharat.records.importing.options import ImportOptions

_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "on"}), frozenset({"false", "no", "n", "0", "off"})


def parse(field: AnyField, cell: str, options: ImportOptions) -> Any:
    """The value of a cell that is neither empty nor a null word; references are given back as their text.

    Raises `ValueError` with the reason, told to the person who made the file."""
    text = restored(cell)
    match field:
        case Text():
            return text.strip()
        case Integer():
            return _integer(text.strip())
        case Number() | Money():
            return _decimal(text.strip())
        case Boolean():
            return _boolean(text.strip())
        case Date():
            return options.read_date(text.strip())
        case Instant():
            return _instant(text.strip(), options)
        case Choice():
            return _choice(field, text.strip())
        case _:
            return text.strip()


def _integer(text: str) -> int:
    number = _decimal(text)
    if number != number.to_integral_value() or abs(number) >= 2**63:
        raise ValueError(f"{text!r} is not a whole number")
    return int(number)


def _decimal(text: str) -> Decimal:
    try:
        # Decimal alone would take underscores, other scripts' digits, infinities and gigantic exponents.
        if len(text) > 60 or not text.isascii() or "_" in text or "e" in text.lower():
            raise InvalidOperation
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number like 1234.5, with a point and no separators") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number")
    return number


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{text!r} is neither yes nor no")


def _instant(text: str, options: ImportOptions) -> datetime:
    """A moment; without an offset it is read as UTC, and a bare date in the file's own format is its midnight."""
    if options.date_format is not None:
        day = options.read_date(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a moment like 2026-12-31T18:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _choice(field: Choice, text: str) -> str:
    for option in field.options:
        if option.lower() == text.lower():
            return option
    raise ValueError(f"{text!r} is none of {', '.join(field.options)}")
