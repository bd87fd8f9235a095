"""Bodies and query strings: every offending field is named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pytest

from bharat.contracts import spelling
from bharat.contracts.errors import MAX_FAULTS, Invalid, Malformed, Problem
from bharat.contracts.phrasing import TOLD
from bharat.web import decode
from bharat.web.decode import BodyDecoder, decode_query


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: Annotated[str, msgspec.Meta(min_length=1)]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Order(msgspec.Struct, forbid_unknown_fields=True):
    customer: Annotated[str, msgspec.Meta(min_length=1, max_length=5)]
    lines: list[Line] = []
    note: str | None = None


class Page(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    q: str | None = None


def faults(error: Problem) -> dict[str, str]:
    return {fault.path: fault.detail for fault in error.faults}


def test_a_valid_body_is_decoded() -> None:
    assert BodyDecoder(Order).decode(b'{"customer":"Acme","lines":[{"sku":"a"}]}') == Order("Acme", [Line("a")])


def test_every_wrong_field_is_named_and_not_only_the_first() -> None:
    raw = b'{"customer":"too long","lines":[{"sku":"a"},{"sku":"","count":0,"colour":1}],"noet":"x","note":3}'
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Order).decode(raw)
    found = faults(refused.value)
    assert set(found) == {"/customer", "/lines/1/sku", "/lines/1/count", "/lines/1/colour", "/noet", "/note"}
    assert "did you mean 'note'?" in found["/noet"]


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Order).decode(b"{}")
    assert faults(refused.value) == {"/customer": "is required"}


def test_a_field_name_is_escaped_as_a_json_pointer() -> None:
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Order).decode(b'{"customer":"A","a/b~c":1}')
    assert "/a~1b~0c" in faults(refused.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"customer":"A"} trailing',
        b'{"customer":"\xff"}',
        b'{"customer":"\\ud800"}',
        b'{"customer":"\\ud800x"}',
        b'{"customer":"\\udc00"}',
        b'{"lines":' + b"[" * 100_000,
        b'{"x":' * 100_000,
        b"nan",
    ],
)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        BodyDecoder(Order).decode(raw)


def test_a_nul_character_is_refused_wherever_it_stands() -> None:
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Order).decode(b'{"customer":"A\\u0000","lines":[{"sku":"\\u0000"}]}')
    assert set(faults(refused.value)) == {"/customer", "/lines/0/sku"}


def test_an_escaped_backslash_before_u0000_is_ordinary_text() -> None:
    decoded = BodyDecoder(Order).decode(b'{"customer":"A","note":"\\\\u0000"}')
    assert decoded.note == "\\u0000"


def test_query_parameters_are_converted() -> None:
    assert decode_query(Page, "limit=7&q=a%20b+c") == Page(7, "a b c")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "?limit"),
        ("limit=x", "?limit"),
        ("limti=5", "?limti"),
        ("limit=5&limit=6", "?limit"),
        ("q=%00", "?"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, path: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode_query(Page, query)
    assert path in faults(refused.value)


def test_a_query_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        decode_query(Page, "q=%ff")


def test_an_endpoint_without_parameters_takes_none() -> None:
    with pytest.raises(Malformed) as refused:
        decode_query(None, "x=1")
    assert faults(refused.value) == {"?x": "unknown parameter"}


class Card(msgspec.Struct, forbid_unknown_fields=True):
    level: Literal["gold", "silver"] | None = None
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="A currency code.")] | None = None
    word: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = "a"
    address: Annotated[str, msgspec.Meta(pattern="^.+@.+$", extra={TOLD: "must be an e-mail address"})] = "a@b"
    words: list[Annotated[str, msgspec.Meta(pattern="^[a-z]+$", extra={TOLD: "must be small letters"})]] = []
    tags: Annotated[list[str], msgspec.Meta(max_length=1)] = []
    day: date | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    id: UUID | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"level": "glod"}, "must be one of gold, silver; did you mean 'gold'?"),
        ({"level": 3}, "must be a text or null, not a whole number"),
        ({"code": "x"}, "does not have the form of what it is: A currency code"),
        ({"word": "X"}, "does not have the form that is asked for"),
        ({"address": "x"}, "must be an e-mail address"),
        ({"address": 3}, "must be a text, not a whole number; it must be an e-mail address"),
        ({"words": ["a", "B"]}, "must be small letters"),
        ({"tags": ["a", "b"]}, "must have at most 1 item"),
        ({"day": "31.12.2026"}, "must be a date like 2026-12-31"),
        ({"at": "noon"}, "must be a moment like 2026-12-31T18:00:00Z"),
        ({"at": "2026-12-31T18:00:00"}, "must be a moment that says its offset, like 2026-12-31T18:00:00Z"),
        ({"id": "x"}, "must be an id (a UUID)"),
        ({"count": 0}, "must be at least 1"),
        ({"count": 1.5}, "must be a whole number, not a number"),
    ],
)
def test_a_fault_is_told_in_words_without_types_or_patterns(body: dict[str, object], detail: str) -> None:
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Card).decode(msgspec.json.encode(body))
    assert list(faults(refused.value).values()) == [detail]


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_an_empty_body_is_told_as_such(raw: bytes) -> None:
    with pytest.raises(Malformed, match=r"^The body is empty\.$"):
        BodyDecoder(Order).decode(raw)


class Painted(msgspec.Struct, forbid_unknown_fields=True):
    colour: Literal["red", "green"] | None = None


def test_of_a_message_that_repeats_a_long_text_little_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place that looks like the beginning of a path would be tried up to the end of the text."""
    read: list[str] = []

    def noted(message: str, type_: object) -> str:
        read.append(message)
        return message

    monkeypatch.setattr(decode, "phrased", noted)
    value = " - at `$.colour" * 60_000
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Painted).decode(msgspec.json.encode({"colour": value}))
    assert [fault.path for fault in refused.value.faults] == ["/colour"]
    assert [len(message) for message in read] == [300]


def test_what_looks_like_a_path_in_a_value_is_none() -> None:
    with pytest.raises(Invalid) as refused:
        BodyDecoder(list[Painted | None]).decode(b'[null,{"colour":"x - at `$.y`"}]')
    assert [fault.path for fault in refused.value.faults] == ["/1/colour"]


def test_of_countless_faults_only_those_that_are_told_are_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    """And for the first ten only is it looked for what was meant."""
    paths: list[str] = []
    hinted: list[str] = []
    join = decode._join

    def joined(at: str, name: str) -> str:
        paths.append(join(at, name))
        return paths[-1]

    def noted(name: str, known: Iterable[str]) -> None:
        hinted.append(name)

    monkeypatch.setattr(decode, "_join", joined)
    monkeypatch.setattr(spelling, "nearest", noted)
    lines = [{f"x{number}": 1 for number in range(1000)} for _ in range(90)]
    with pytest.raises(Invalid) as refused:
        BodyDecoder(Order).decode(msgspec.json.encode({"customer": "A", "lines": lines}))
    assert len(refused.value.faults) == MAX_FAULTS
    assert len(paths) < 2 * MAX_FAULTS
    assert len(hinted) == 10


def test_what_is_no_parameter_is_told_a_hundred_times_at_most() -> None:
    query = "&".join(f"x{number}=1" for number in range(2000))
    for type_ in (None, Page):
        with pytest.raises(Malformed) as refused:
            decode_query(type_, query)
        assert len(refused.value.faults) == MAX_FAULTS
