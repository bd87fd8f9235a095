"""What a person says about a file that is to be imported: the choices that the file can't make itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache

from bharat.contracts.errors import FieldFault, Invalid
from bharat.records.currencies import CURRENCIES

_WORDS = {"DD": "%d", "MM": "%m", "YYYY": "%Y", "YY": "%y", "HH": "%H", "MI": "%M", "SS": "%S"}
_SAMPLE = datetime(2031, 12, 25, 22, 48, 59, tzinfo=UTC)
_PARTS_OF_A_DAY = frozenset({time(), time(22), time(22, 48), time(22, 48, 59)})
"""What a format may keep of the sample's time: nothing, or from the hour down."""


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
    """`DD-MM-YYYY`, `DD-MM-YYYY HH:MI` and the like, or strptime's `%d-%m-%Y`. Otherwise dates and moments are ISO 8601."""
    encoding: str | None = None
    delimiter: str | None = None
    dry_run: bool = False
    batch: int = 500
    max_rows: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 10_000:
            raise Invalid("the batch must have 1 to 10000 rows", faults=[FieldFault("?batch", "use 1 to 10000")])
        if self.currency is not None and self.currency not in CURRENCIES:
            raise Invalid(
                f"{self.currency!r} is not a currency code",
                faults=[FieldFault("?currency", "use an active code of ISO 4217 in capital letters, such as USD")],
            )
        if self.date_format is not None:
            strptime_format(self.date_format)

    def read_date(self, text: str) -> date:
        """A date as the file writes it. One with a time of day other than midnight is refused rather than cut: which day it is
        depends on the time zone. Raises `ValueError` with the reason."""
        if self.date_format is None:
            try:
                return date.fromisoformat(text)
            except ValueError:
                raise ValueError(
                    f"{text!r} is not a date like 2026-12-31; say how the file writes dates with a date format"
                ) from None
        moment = _read(text, self.date_format)
        if moment.time() != time():
            raise ValueError(f"{text!r} has a time of day, and this field is a date")
        return moment.date()

    def read_moment(self, text: str) -> datetime:
        """A moment as the file writes it: without an offset it is UTC, and a bare date is its midnight. Raises `ValueError`
        with the reason."""
        if self.date_format is None:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                raise ValueError("must be a moment like 2026-12-31T18:00:00Z") from None
        else:
            moment = _read(text, self.date_format)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _read(text: str, date_format: str) -> datetime:
    try:
        return datetime.strptime(text, strptime_format(date_format))  # noqa: DTZ007 - its callers say what no zone means
    except ValueError:
        raise ValueError(f"{text!r} is not a date written {date_format}") from None


@lru_cache(maxsize=64)
def strptime_format(text: str) -> str:
    """`DD-MM-YYYY` in the words of strptime; one with `%` is checked and taken as it is. Raises `Invalid`."""
    form = (
        text if "%" in text else re.sub("|".join(sorted(_WORDS, key=len, reverse=True)), lambda m: _WORDS[m[0]], text)
    )
    try:
        read = datetime.strptime(_SAMPLE.strftime(form), form)  # noqa: DTZ007 - only compared with the sample
        whole = read.date() == _SAMPLE.date() and read.time() in _PARTS_OF_A_DAY
    except (ValueError, re.error):
        whole = False
    # A zone's name says nothing for certain, and strptime passes over it.
    if not whole or "%Z" in form:
        raise Invalid(
            f"{text!r} is not a date format",
            faults=[
                FieldFault(
                    "?date_format",
                    "name day, month and year once each, as in DD-MM-YYYY or %d.%m.%y, and a time from the hour down, "
                    "as in DD-MM-YYYY HH:MI:SS",
                )
            ],
        )
    return form
