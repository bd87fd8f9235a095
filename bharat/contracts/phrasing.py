"""What a value must be, in the words of the person who gave it: msgspec's messages speak of Python's types and of regexes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from bharat.contracts.spelling import Hints, hint

TOLD = "told"
"""The key of `msgspec.Meta.extra` under which a type says what its values must be: `must be an e-mail address …`."""

LIKE = "like"
"""The key of `msgspec.Meta.extra` under which a type whose JSON is a string shows one: `1234.50`. It is told to who sent a number."""

KEPT = "kept_by_bharat"
"""The name of a struct's class variable with the fields that answers have and bodies can't set."""

END = r"(?!\n)$"
"""How a pattern ends: in Python `$` alone lets a line break pass behind the last character. In ECMAScript it does not, so the
API document shows `$`."""

_WORDS = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null", "uuid": "an id (a UUID)", "date": "a date", "datetime": "a moment",
    "decimal": "a decimal",
}  # fmt: skip
_INVALID = {
    "Invalid UUID": "must be an id (a UUID)",
    "Invalid RFC3339 encoded date": "must be a date like 2026-12-31",
    "Invalid RFC3339 encoded datetime": "must be a moment like 2026-12-31T18:00:00Z",
    "Expected `datetime` with a timezone component": "must be a moment that says its offset, like 2026-12-31T18:00:00Z",
    "Invalid decimal string": "must be a decimal like 1234.50",
    "Integer value out of range": "is too large",
}
_PATTERN = re.compile(r"Expected `\w+` matching regex (.*)", re.DOTALL)
_LENGTH = re.compile(r"Expected `(\w+)` of length (>=|<=|==) (\d+)")
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)")
_MULTIPLE = re.compile(r"Expected `\w+` that's a multiple of (\S+)")
_KIND = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `([^`]*)`")
_CHOICE = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_UNITS = {"array": "item", "object": "field"}
_MOST_OPTIONS = 24


def phrased(message: str, type_: Any) -> str:
    """A message of `msgspec.ValidationError`, without its path, as what the value must be. `type_` is what it was
    converted to: its `Meta.extra` or `description` stands in the place of a pattern, which is shown to nobody."""
    if invalid := _INVALID.get(message):
        return invalid
    if found := _PATTERN.fullmatch(message):
        return _form(found[1], type_)
    if found := _CHOICE.fullmatch(message):
        return _choices(found[1], type_)
    if found := _LENGTH.fullmatch(message):
        return _length(found[1], found[2], int(found[3]))
    if found := _BOUND.fullmatch(message):
        return f"must be {_BOUNDS[found[1]]} {found[2]}"
    if found := _MULTIPLE.fullmatch(message):
        return f"must be a multiple of {found[1]}"
    if found := _KIND.fullmatch(message):
        like = next((meta.extra[LIKE] for meta in _metas(type_) if meta.extra and LIKE in meta.extra), None)
        if like is not None and found[2] in ("int", "float"):
            return f'must be a string like "{like}", not a number'
        told = next((meta.extra[TOLD] for meta in _metas(type_) if meta.extra and TOLD in meta.extra), "")
        more = f"; it {told}" if told and found[2] != "null" and "str" in found[1].split(" | ") else ""
        return f"must be {_kinds(found[1])}, not {_kinds(found[2])}{more}"
    if found := _FIELD.fullmatch(message):
        return f"{'lacks the field' if found[1].startswith('missing') else 'has the unknown field'} {found[2]!r}"
    return message[:1].lower() + message[1:]


def unknown(name: str, struct: type, known: Iterable[str], hints: Hints) -> str:
    """What is wrong with a field that the body's struct does not have."""
    if name in getattr(struct, KEPT, ()):
        return "is set by Bharat; leave it out"
    return f"unknown field{hints(name, known)}"


def _form(pattern: str, type_: Any) -> str:
    for meta in _metas(type_):
        if meta.pattern is not None and repr(meta.pattern) == pattern:
            if meta.extra and TOLD in meta.extra:
                return str(meta.extra[TOLD])
            if meta.description:
                return f"does not have the form of what it is: {meta.description.rstrip('.')}"
    return "does not have the form that is asked for"


def _choices(given: str, type_: Any) -> str:
    for meta in _metas(type_):
        if meta.extra and TOLD in meta.extra:
            return str(meta.extra[TOLD])
    sets = list(_options(type_))
    if len(sets) != 1:
        return f"can't be {given}"
    options = sets[0]
    shown = ", ".join(options[:_MOST_OPTIONS]) + (", …" if len(options) > _MOST_OPTIONS else "")
    return f"must be one of {shown}{hint(given.strip(chr(39)), options)}"


def _length(kind: str, relation: str, count: int) -> str:
    if (relation, count) == (">=", 1):
        return "must not be empty"
    quantity = {">=": "at least", "<=": "at most", "==": "exactly"}[relation]
    return f"must have {quantity} {count} {_UNITS.get(kind, 'character')}{'s' * (count != 1)}"


def _kinds(names: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in names.split(" | "))


def _metas(type_: Any) -> Iterable[msgspec.Meta]:
    """Of the type and of what it is made of, the outermost first; those of a struct's fields are the struct's own."""
    if get_origin(type_) is Annotated:
        yield from (item for item in type_.__metadata__ if isinstance(item, msgspec.Meta))
        yield from _metas(get_args(type_)[0])
    elif get_origin(type_) is not Literal:
        for inner in get_args(type_):
            yield from _metas(inner)


def _options(type_: Any) -> Iterable[list[str]]:
    if get_origin(type_) is Literal:
        yield [str(option) for option in get_args(type_)]
    elif isinstance(type_, type) and issubclass(type_, Enum):
        yield [str(member.value) for member in type_]
    else:
        for inner in get_args(type_):
            yield from _options(inner)
