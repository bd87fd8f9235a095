"""Every kind of value: what is taken, that it comes back as it went in, and what is refused."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bharat.records.currencies import CURRENCIES
from bharat.records.kinds import (
    BooleanKind,
    ChoiceKind,
    DateKind,
    DecimalKind,
    InstantKind,
    IntegerKind,
    Kind,
    Refused,
    TextKind,
)
from tests.records.conftest import Actions

decimals = st.decimals(min_value=Decimal(-10) ** 13, max_value=Decimal(10) ** 13, places=4).map(lambda value: value + 0)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
instants = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)  # fmt: skip
bodies = st.fixed_dictionaries(
    {"name": texts.filter(str.strip)},
    optional={
        "stage": st.sampled_from(["open", "won"]),
        "amount": decimals.map(abs).map(lambda value: format(value, "f")),
        "probability": st.decimals(-1000, 1000, places=2).map(lambda value: format(value, "f")),
        "score": st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
        "hot": st.none() | st.booleans(),
        "close_date": st.none() | st.dates().map(str),
        "called_at": st.none() | instants.map(datetime.isoformat),
        "reason": st.none() | texts,
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_values_come_back_as_they_went_in(do: Actions, body: dict[str, Any]) -> None:
    if "amount" in body:
        body["amount_currency"] = "JPY"
    created = do.create("deal", **body)
    assert do.read("deal", created["id"]) == created
    assert created["name"] == unicodedata.normalize("NFC", body["name"].strip())
    for name in ("amount", "probability"):
        assert created[name] == (Decimal(body[name]) if name in body else None)
    for name in ("score", "hot"):
        assert created[name] == body.get(name, False if name == "hot" else None)
    if body.get("called_at"):
        assert created["called_at"] == datetime.fromisoformat(body["called_at"])
        assert created["called_at"].tzinfo is UTC
    if body.get("close_date"):
        assert created["close_date"] == date.fromisoformat(body["close_date"])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(" a ", "a"), ("", None), ("  ", None), ("e\u0301", "\u00e9"), ("a\u00a0", "a"), ("\u200b", "\u200b")],
)
def test_text_is_trimmed_and_normalised(sent: str, kept: str | None) -> None:
    assert TextKind(5).read(sent) == kept


@pytest.mark.parametrize("sent", ["a\0b", "a\nb", "a\x7f", "\ud800", "123456", 1, None, "\u0958" * 5])
def test_text_is_refused(sent: Any) -> None:
    with pytest.raises(Refused):
        TextKind(5).read(sent)


def test_text_of_several_lines_may_break_and_be_indented_and_no_more() -> None:
    assert TextKind(50, multiline=True).read("a\r\n\tb\n") == "a\r\n\tb"
    with pytest.raises(Refused):
        TextKind(50, multiline=True).read("a\x0bb")


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("email", ["a@b", "a.b+c@d.example"], ["a", "a@", "@b", "a b@c", "a@b@c"]),
        (
            "url",
            ["https://a.example/x?y=1", "http://b"],
            ["ftp://a", "a.example", "javascript:alert(1)", "https://a b"],
        ),
        ("phone", ["+49 30 123", "(030) 12-34"], ["x", "+", "12\n34", "1" * 60]),
    ],
)
def test_formats_are_checked(format: Any, good: list[str], bad: list[str]) -> None:
    kind = TextKind(200, format=format)
    assert [kind.read(text) for text in good] == good
    assert kind.read("") is None
    for text in bad:
        with pytest.raises(Refused):
            kind.read(text)


@pytest.mark.parametrize(
    "sent", ["1e3", "NaN", "1.00001", "1" * 15, "+1", " 1", "1\n", ".5", "1.", "١", "", 1, 1.5, None]
)
def test_a_decimal_is_refused(sent: Any) -> None:
    with pytest.raises(Refused):
        DecimalKind(4).read(sent)


def test_a_decimal_has_its_scale_and_one_zero() -> None:
    kind = DecimalKind(4)
    assert [str(kind.read(text)) for text in ("1", "-0", "007.5", "-99999999999999.9999")] == [
        "1.0000", "0.0000", "7.5000", "-99999999999999.9999"
    ]  # fmt: skip
    assert str(DecimalKind(0).read("5")) == "5"
    assert str(DecimalKind(6).read("0.000001")) == "0.000001"
    with pytest.raises(Refused):
        DecimalKind(4, minimum=0).read("-1")
    with pytest.raises(Refused):
        DecimalKind(4, minimum=10).read("9.9999")


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (IntegerKind(0, 9), [-1, 10, 1.5, "1", True, 2**70]),
        (BooleanKind(), [1, "true", None]),
        (DateKind(), ["2026-02-30", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", 1]),
        (InstantKind(), ["2026-01-01T00:00:00", "2026-01-01", "0001-01-01T00:00:00+14:00", "now", 1]),
        (ChoiceKind(("a", "b")), ["c", "A", "", None]),
    ],
)
def test_other_kinds_are_refused(kind: Any, bad: list[Any]) -> None:
    for value in bad:
        with pytest.raises(Refused):
            kind.read(value)


def test_the_currencies_are_the_active_ones() -> None:
    assert len(CURRENCIES) == len(set(CURRENCIES)) >= 150
    assert {"USD", "EUR", "INR", "JPY", "SLE", "XCG"} <= set(CURRENCIES)
    assert not {"DEM", "HRK", "BGN", "XXX", "XAU"} & set(CURRENCIES)


def test_sums_are_exact_beyond_64_bits(do: Actions) -> None:
    for _ in range(12):
        do.create("product", name="x", price="99999999999999.9999")
    do.create("product", name="x", price="-0.0001")
    from bharat.records.selection import Grammar

    records = do.kit.records("product")
    reader = do.database.read(do.people.organisation_id)
    count, sums = records.queries.totals(reader, do.people.admin, Grammar(records.resource).parse("", dict))
    assert (count, sums) == (13, {"price": Decimal("1199999999999999.9987")})


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (TextKind(50, format="email"), "x", "must be an e-mail address like asha@acme.example"),
        (TextKind(50, format="url"), "x", "must be a link that begins with http:// or https://, without spaces"),
        (TextKind(5), "a\nb", "must hold no line breaks or other control characters"),
        (DecimalKind(2), "1,5", "must be a decimal like 1234.50: at most 15 digits before the point and 2 after it"),
        (DecimalKind(0, 0), "-1", "must be a decimal like 1234, not negative: at most 15 digits"),
        (ChoiceKind(("gold", "silver")), "bronze", "must be one of gold, silver"),
        (IntegerKind(), "x", "must be a whole number"),
        (BooleanKind(), "x", "must be true or false"),
        (DateKind(), "x", "must be a date like 2026-12-31"),
    ],
)
def test_what_is_refused_is_told_in_words(kind: Kind, value: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        kind.read(value, text=True)
    assert str(refused.value) == told
