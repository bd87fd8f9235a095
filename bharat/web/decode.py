"""Bodies and query strings to typed structs; every offending field is named, not only the first.

msgspec decodes and validates in one pass and stops at the first fault. Only then, on the slow road, a second pass tries each
field by itself and collects all faults.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from bharat.contracts.errors import MAX_FAULTS, FieldFault, Invalid, Malformed
from bharat.contracts.phrasing import phrased, unknown
from bharat.contracts.query_string import parse_query
from bharat.contracts.spelling import Hints

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_MESSAGE = 300
"""How much of a message of msgspec is read: it repeats the sender's text, however long that is."""
_AT = " - at `$"


class BodyDecoder:
    """Decodes JSON bodies of one type."""

    def __init__(self, type_: Any) -> None:
        self._type = type_
        self._decoder = msgspec.json.Decoder(type_)

    def decode(self, raw: bytes) -> Any:
        """Raises `Malformed` for what is not JSON and `Invalid` for JSON that is not of the type."""
        if not raw.strip():
            raise Malformed("The body is empty.")
        try:
            value = self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise Invalid("The body has fields that can't be accepted.", faults=self._faults(raw, error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"The body can't be read as JSON: {_plain(error)}.") from None
        # PostgreSQL can't hold U+0000 in text; it is refused here for every field of every type.
        if b"\\u0000" in raw and (paths := list(islice(_nuls(msgspec.json.decode(raw), ""), MAX_FAULTS))):
            raise Invalid(
                "The body holds the character U+0000.",
                faults=[FieldFault(path, "must not contain the character U+0000") for path in paths],
            )
        # Which of two values counts differs between parsers, and so between whoever checks a request and who carries it
        # out (RFC 7493, 2.3); msgspec takes the last one silently.
        if repeated := _repeated(raw):
            raise Malformed("The body names a field twice.", faults=[FieldFault(repeated, "given more than once")])
        return value

    def _faults(self, raw: bytes, first: msgspec.ValidationError) -> list[FieldFault]:
        try:
            data = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # The first pass stops at the first field that is wrong, before what is no JSON behind it.
            raise Malformed(f"The body can't be read as JSON: {_plain(error)}.") from None
        return list(islice(collect(self._type, data, ""), MAX_FAULTS)) or [_fault(first, "", self._type)]


def decode_query(type_: type[msgspec.Struct] | None, raw: str) -> Any:
    """The query string as `type_`. Raises `Malformed` naming every wrong parameter."""
    pairs = parse_query(raw)
    if type_ is None:
        if pairs:
            raise Malformed(
                "This endpoint takes no query parameters.",
                faults=[FieldFault(f"?{name}", "unknown parameter") for name in islice(pairs, MAX_FAULTS)],
            )
        return None
    values = {name: _spelled(text, _spellings(type_).get(name, ())) for name, text in pairs.items()}
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        faults = list(islice(collect(type_, values, "?"), MAX_FAULTS)) or [_fault(error, "?", type_)]
        raise Malformed("Some query parameters can't be accepted.", faults=faults) from None


@functools.lru_cache(maxsize=512)
def _spellings(type_: type[msgspec.Struct]) -> Mapping[str, frozenset[type]]:
    """The kinds of values that each parameter takes. msgspec's own reading of text would take `null` for an absent value and
    a number for a date."""
    info = msgspec.inspect.type_info(type_)
    assert isinstance(info, msgspec.inspect.StructType)
    found = {}
    for field in info.fields:
        kind = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
        options = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
        found[field.encode_name] = frozenset(type(option) for option in options)
    return found


def _spelled(text: str, kinds: Collection[type]) -> Any:
    """The value that a query string spells, as its JSON Schema means it; the text where it spells none."""
    if msgspec.inspect.IntType in kinds and _INTEGER.fullmatch(text):
        return int(text)
    if msgspec.inspect.FloatType in kinds and _NUMBER.fullmatch(text):
        return float(text)
    if msgspec.inspect.BoolType in kinds and text in ("true", "false"):
        return text == "true"
    return text


def collect(type_: Any, data: Any, at: str) -> Iterable[FieldFault]:
    """Every fault of `data` as a `type_`: field by field for structs, item by item for lists of structs."""
    info = msgspec.inspect.type_info(type_)
    yield from _collect(info, type_, data, at, Hints())


def _collect(info: msgspec.inspect.Type, type_: Any, data: Any, at: str, hint: Hints) -> Iterable[FieldFault]:
    # One by one: who takes the first hundred pays for no more.
    if isinstance(info, msgspec.inspect.StructType) and isinstance(data, Mapping):
        fields = {field.encode_name: field for field in info.fields}
        for name in data:
            if name not in fields:
                text = str(name)
                told = f"unknown parameter{hint(text, fields)}" if at == "?" else unknown(text, info.cls, fields, hint)
                yield FieldFault(_join(at, text), told)
        hints = msgspec.structs.fields(info.cls)
        for hint_field, field in zip(hints, info.fields, strict=True):
            if field.encode_name not in data:
                if field.required:
                    yield FieldFault(_join(at, field.encode_name), "is required")
                continue
            yield from _collect(
                field.type, hint_field.type, data[field.encode_name], _join(at, field.encode_name), hint
            )
        return
    if isinstance(info, msgspec.inspect.ListType) and isinstance(data, list):
        item = info.item_type
        if isinstance(item, msgspec.inspect.StructType):
            found = False
            for position, value in enumerate(data):
                for fault in _collect(item, item.cls, value, f"{at}/{position}", hint):
                    found = True
                    yield fault
            if found:
                return
    try:
        msgspec.convert(data, type_)
    except msgspec.ValidationError as error:
        yield _fault(error, at, type_)


def _join(at: str, name: str) -> str:
    if at.startswith("?"):
        return f"?{name}"
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


def _fault(error: Exception, at: str, type_: Any) -> FieldFault:
    text = str(error)
    # Found from the end and without a regular expression, which would try again at each character of a long text.
    where = text.rfind(_AT) if text.endswith("`") else -1
    if where >= 0:
        path = text[where + len(_AT) : -1]
        text = text[:where]
        if not at.startswith("?"):
            at += re.sub(r"\[(\d+)\]", r"/\1", path).replace(".", "/").replace("[...]", "/-")
    # What is expected are words of Bharat's own, a pattern's whole text among them; others repeat what was sent.
    return FieldFault(at or "", phrased(text if text.startswith("Expected ") else text[:_MESSAGE], type_))


def _nuls(value: Any, at: str) -> Iterable[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield at
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _nuls(key, _join(at, key)) if "\0" in key else _nuls(item, _join(at, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _nuls(item, f"{at}/{position}")


class _Repeated(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        for name, _ in pairs:
            if name not in names:
                raise _Repeated(name)
            names.remove(name)


def _number(text: str) -> None:
    """Its value is of no interest; int() would refuse one of thousands of digits."""


_unique_names = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_number, parse_float=_number).decode


def _repeated(raw: bytes) -> str | None:
    """A name that some object of this JSON, which has been decoded before, has twice, as the path `/name`."""
    try:
        _unique_names(raw.decode())
    except _Repeated as found:
        return _join("", str(found))
    except RecursionError as error:
        raise Malformed(f"The body can't be read as JSON: {_plain(error)}.") from None
    return None


def _plain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error).rstrip(".")
