"""Parameters that commands about records share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from bharat.contracts.spelling import nearest

if TYPE_CHECKING:
    from bharat.app import Bharat


def pairs(
    separator: str, what: str
) -> Callable[[click.Context, click.Parameter, Sequence[str]], list[tuple[str, str]]]:
    def split(_: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, str]]:
        found = []
        for value in values:
            # A column's name may hold the separator; a field's never does, and it stands last only in a mapping.
            before, middle, after = value.rpartition("=") if separator == "=>" else value.partition(separator)
            if not middle or not before.strip():
                raise click.BadParameter(f"{value!r} is not {what}", param=parameter)
            found.append((before.strip(), after.strip()))
        return found

    return split


def type_called(app: Bharat, word: str) -> str:
    """The record type of this name or plural. Raises `click.UsageError` that names the choices."""
    plurals = {records.resource.plural: records.resource.name for records in app.records.all}
    if word in plurals or word in plurals.values():
        return plurals.get(word, word)
    near = nearest(word, [*plurals, *plurals.values(), "users"])
    hint = (
        f"did you mean {near}?"
        if near
        else f"there are: {', '.join([*plurals, 'users'])}; see `bharat plugins` for more"
    )
    raise click.UsageError(f"there is no record type {word!r}; {hint}")
