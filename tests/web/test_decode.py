"""Bodies and query strings: every offending field is named."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from bharat.contracts.errors import Invalid, Malformed, Problem
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
