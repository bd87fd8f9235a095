"""Cells become values, or are refused with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bharat.contracts.errors import Invalid
from bharat.records.importing.options import ImportOptions, strptime_format
from bharat.records.importing.values import parse
from bharat.records.kinds import (
    BooleanKind,
    ChoiceKind,
    CurrencyKind,
    DateKind,
    DecimalKind,
    InstantKind,
    IntegerKind,
    Kind,
    TextKind,
)

PLAIN = ImportOptions()
ANYTHING = ImportOptions(date_format="DD-MM-YYYY")


def _named(value: Any) -> str:
    """The same in every process, as what shares the tests out needs."""
    return type(value).__name__ if isinstance(value, Kind) else str(value)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (TextKind(20), "  Ada ", "Ada"),
        (TextKind(20), "'=1+1", "=1+1"),
        (TextKind(20), "'s", "'s"),
        (IntegerKind(), "42", 42),
        (IntegerKind(), "42.00", 42),
        (DecimalKind(4), "-1100.04", Decimal("-1100.04")),
        (BooleanKind(), "Yes", True),
        (BooleanKind(), "0", False),
        (DateKind(), "2016-10-20", date(2016, 10, 20)),
        (InstantKind(), "2016-10-20T10:00:00+02:00", datetime(2016, 10, 20, 8, tzinfo=UTC)),
        (InstantKind(), "2016-10-20 10:00", datetime(2016, 10, 20, 10, tzinfo=UTC)),
        (ChoiceKind(("won", "lost")), "WON", "won"),
        (CurrencyKind(), "usd", "USD"),
    ],
    ids=_named,
)
def test_a_cell_is_read_as_its_kind(kind: Kind, cell: str, value: Any) -> None:
    assert parse(kind, cell, PLAIN) == value


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (TextKind(3), "four"),
        (TextKind(20, format="email"), "nobody"),
        (IntegerKind(0), "-1"),
        (IntegerKind(), "1.5"),
        (IntegerKind(), "1e3"),
        (DecimalKind(4), "1,100.04"),
        (DecimalKind(4), "NaN"),
        (DecimalKind(4), "١٢"),
        (DecimalKind(2), "0.005"),
        (BooleanKind(), "perhaps"),
        (DateKind(), "20-10-2016"),
        (DateKind(), "2016-02-30"),
        (InstantKind(), "noon"),
        (ChoiceKind(("won", "lost")), "open"),
        (CurrencyKind(), "XXX"),
    ],
    ids=_named,
)
def test_a_cell_that_is_not_of_its_kind_is_refused(kind: Kind, cell: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(kind, cell, PLAIN)


@pytest.mark.parametrize(
    ("form", "text"),
    [("DD-MM-YYYY", "20-10-2016"), ("MM/DD/YY", "10/20/16"), ("%d.%m.%Y", "20.10.2016"), ("YYYYMMDD", "20161020")],
)
def test_dates_are_read_as_the_file_writes_them(form: str, text: str) -> None:
    assert ImportOptions(date_format=form).read_date(text) == date(2016, 10, 20)


def test_a_date_that_is_written_otherwise_is_refused_with_the_format() -> None:
    with pytest.raises(ValueError, match="'2016-10-20' is not a date written DD-MM-YYYY"):
        ANYTHING.read_date("2016-10-20")


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("DD-MM-YYYY HH:MI", "20-10-2016 14:30", datetime(2016, 10, 20, 14, 30, tzinfo=UTC)),
        ("YYYY/MM/DD HH:MI:SS", "2016/10/20 14:30:05", datetime(2016, 10, 20, 14, 30, 5, tzinfo=UTC)),
        ("%d.%m.%y %I %p", "20.10.16 02 PM", datetime(2016, 10, 20, 14, tzinfo=UTC)),
        ("%d.%m.%Y %H:%M %z", "20.10.2016 01:30 +0530", datetime(2016, 10, 19, 20, tzinfo=UTC)),
        ("DD-MM-YYYY", "20-10-2016", datetime(2016, 10, 20, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_the_file_writes_them(form: str, text: str, moment: datetime) -> None:
    assert parse(InstantKind(), text, ImportOptions(date_format=form)) == moment


def test_a_date_field_refuses_a_time_of_day_rather_than_drop_it() -> None:
    options = ImportOptions(date_format="DD-MM-YYYY HH:MI")
    assert parse(DateKind(), "20-10-2016 00:00", options) == date(2016, 10, 20)
    with pytest.raises(ValueError, match="'20-10-2016 23:30' has a time of day, and this field is a date"):
        parse(DateKind(), "20-10-2016 23:30", options)


@pytest.mark.parametrize(
    "form",
    ["DD-MM", "%H:%M", "day", "%Q", "%", "DD-MM-YYYY HH:MM", "DD-MM-YYYY MI", "DD-MM-YYYY %I", "%d-%m-%Y %H:%M %Z"],
)
def test_a_date_format_that_names_no_whole_date_is_refused(form: str) -> None:
    with pytest.raises(Invalid, match="is not a date format"):
        strptime_format(form)


def test_a_currency_that_is_no_code_is_refused() -> None:
    with pytest.raises(Invalid, match="'dollars' is not a currency code"):
        ImportOptions(currency="dollars")
