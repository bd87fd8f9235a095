"""Values that an option must refuse, made from its type and its bounds."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from bharat.config import Secret, as_toml

_ODD_TEXTS = ["", " ", "no such thing!", "\n", "https://a b", "-", "x" * 300, "ü", "/", "../x", "0", "a:b:c"]


def wrong_values(annotation: Any) -> list[str]:
    """As TOML. At least one for every type that the configuration can read: whatever it is, it is not of two kinds at once."""
    return list(dict.fromkeys([_of_another_kind(annotation), *map(as_toml, _out_of_bounds(annotation))]))


def wrong_texts(annotation: Any) -> list[str]:
    """As the text of an environment variable. None where every text is a value."""
    found = [value if isinstance(value, str) else json.dumps(value) for value in _out_of_bounds(annotation)]
    kinds = list(_kinds(annotation))
    if not any(kind in (str, Path, Secret) for kind in [*kinds, *_items(annotation)]):
        found.append("no such thing")
    optional = any(kind is type(None) for kind in kinds)
    return [text for text in dict.fromkeys(found) if "\x00" not in text and not (optional and text == "")]


def _of_another_kind(annotation: Any) -> str:
    kinds = list(_kinds(annotation))
    numbers = any(kind in (int, float) for kind in kinds)
    texts = any(kind in (str, Path, Secret) for kind in kinds)
    if not numbers and bool not in kinds:
        return "4711"
    return "{ a = 1 }" if texts else '"no such thing"'


def _out_of_bounds(annotation: Any) -> Iterator[Any]:
    for meta, base in _metas(annotation):
        whole = base is int
        if meta.ge is not None:
            yield meta.ge - 1 if whole else float(meta.ge) - 0.5
        if meta.gt is not None:
            yield meta.gt if whole else float(meta.gt)
        if meta.le is not None:
            yield meta.le + 1 if whole else float(meta.le) + 0.5
        if meta.lt is not None:
            yield meta.lt if whole else float(meta.lt)
        if meta.min_length:
            yield _sized(base, meta.min_length - 1)
        if meta.max_length is not None:
            yield _sized(base, meta.max_length + 1)
        if meta.pattern is not None:
            missing = [text for text in _ODD_TEXTS if not re.search(meta.pattern, text)]
            assert missing, f"add a text that {meta.pattern!r} does not match to _ODD_TEXTS"
            yield from missing[:3]


def _sized(base: Any, length: int) -> Any:
    return "x" * length if base is str else ["x"] * length


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types of values, outermost: `list` for a list of anything."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _kinds(member)
    elif origin is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        yield Literal
    else:
        yield origin or annotation


def _items(annotation: Any) -> Iterator[Any]:
    """The types of what a list holds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _items(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _items(member)
    elif origin in (list, tuple, set, frozenset):
        for member in get_args(annotation):
            yield from _kinds(member)


def _metas(annotation: Any) -> Iterable[tuple[msgspec.Meta, Any]]:
    """With the type that each bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner = get_args(annotation)[0]
        base = next(iter(_kinds(inner)))
        for item in annotation.__metadata__:
            if isinstance(item, msgspec.Meta):
                yield item, base
        yield from _metas(inner)
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _metas(member)
