"""What a person says about a file that is to be imported: the choices that the file can't make itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

from bharat.contracts.errors import FieldFault, Invalid

_WORDS = {"DD": "%d", "MM": "%m", "YYYY": "%Y", "YY": "%y", "HH": "%H", "MI": "%M", "SS": "%S"}
_SAMPLE = datetime(2031, 12, 25, 22, 48, 59)  # noqa: DTZ001 - only ever formatted


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Raises `Invalid` for an option that contradicts itself; whether fields exist is checked against the record type."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of the file -> the fields it fills. Columns not named here fill the field of their own name."""
    ignore: frozenset[str] = frozenset()
    """Columns that are left out."""
    key: tuple[str, ...] = ()
    """Fields that tell whether a row is there already: then it is updated. Empty: every row is new, except with an id."""
    nulls: frozenset[str] = frozenset()
    """Words that mean "nothing", compared as they are; an empty cell always does."""
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Field -> word in the file -> word to use."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Field -> the text to take when the file has no such column or the cell is empty."""
    create_missing: frozenset[str] = frozenset()
    """Reference fields whose target is created by its name when there is none."""
    currency: str | None = None
    """For amounts that come without one. ISO 4217."""
    date_format: str | None = None
    """`DD-MM-YYYY` and the like, or strptime's `%d-%m-%Y`. Otherwise dates are ISO 8601."""
    encoding: str | None = None
    delimiter: str | None = None
    dry_run: bool = False
    batch: int = 500
    max_rows: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 10_000:
            raise Invalid("the batch must have 1 to 10000 rows", faults=[FieldFault("?batch", "use 1 to 10000")])
        if self.currency is not None and not re.fullmatch("[A-Z]{3}", self.currency):
            raise Invalid(
                f"{self.currency!r} is not a currency code",
                faults=[FieldFault("?currency", "use three capital letters of ISO 4217, such as USD")],
            )
        if self.date_format is not None:
            strptime_format(self.date_format)

    def read_date(self, text: str) -> date:
        """A date as the file writes it. Raises `ValueError` with the reason."""
        if self.date_format is None:
            try:
                return date.fromisoformat(text)
            except ValueError:
                raise ValueError(
                    f"{text!r} is not a date like 2026-12-31; say how the file writes dates with a date format"
                ) from None
        try:
            return datetime.strptime(text, strptime_format(self.date_format)).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            raise ValueError(f"{text!r} is not a date written {self.date_format}") from None


@lru_cache(maxsize=64)
def strptime_format(text: str) -> str:
    """`DD-MM-YYYY` in the words of strptime; one with `%` is checked and taken as it is. Raises `Invalid`."""
    form = (
        text if "%" in text else re.sub("|".join(sorted(_WORDS, key=len, reverse=True)), lambda m: _WORDS[m[0]], text)
    )
    try:
        whole = datetime.strptime(_SAMPLE.strftime(form), form).date() == _SAMPLE.date()  # noqa: DTZ007 - as above
    except (ValueError, re.error):
        whole = False
    if not whole:
        raise Invalid(
            f"{text!r} is not a date format",
            faults=[FieldFault("?date_format", "name day, month and year once each, as in DD-MM-YYYY or %d.%m.%y")],
        )
    return form
