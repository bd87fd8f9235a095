"""Rows that a unit of work writes and does not read back, written together.

A change causes an audit entry, an event, perhaps a job, and the answer to remember. Each in a statement of its own is a round trip
to the database. On PostgreSQL those that wait become CTEs of one statement (its manual, "Data-Modifying Statements in WITH");
SQLite knows no such CTEs, and has no round trips to save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from bharat.contracts.database import Parameters, Refused
from bharat.data.tenancy import joined_scope, scoped


class Appended(NamedTuple):
    """A row that waits."""

    table: sa.Table
    row: Mapping[str, Any]
    refused: Refused | None = None


Shape = tuple[sa.Table, tuple[str, ...]]
"""A table and the columns of a row for it."""


def statements(rows: Sequence[Appended], *, together: bool) -> Iterator[tuple[sa.Executable, Parameters]]:
    """What writes the rows: one statement where it may be (`together`) and no table has two of them, else one for each table, in
    the order in which the tables were first named, so that a row others refer to can be given first."""
    by_table: dict[sa.Table, list[Mapping[str, Any]]] = {}
    for table, row, _ in rows:
        by_table.setdefault(table, []).append(row)
    if together and 1 < len(by_table) == len(rows):
        yield _combined(tuple((table, tuple(row)) for table, row, _ in rows)), _renamed(rows)
        return
    for table, its_rows in by_table.items():
        yield row_insert(table), its_rows if len(its_rows) > 1 else its_rows[0]


def reason(rows: Sequence[Appended], error: sa.exc.IntegrityError) -> Exception | None:
    """What the violated constraint means to whoever gave the row that violates it."""
    for each in rows:
        if each.refused is not None and (found := each.refused(error)) is not None:
            return found
    return None


@lru_cache(maxsize=512)
def row_insert(table: sa.Table) -> sa.Insert:
    """The plain INSERT of a table, always the same one, so that what was prepared for it is found again."""
    return table.insert()


@lru_cache(maxsize=512)
def _combined(shapes: tuple[Shape, ...]) -> sa.Select[Any]:
    inserts = [
        scoped(
            table.insert().values(
                {name: sa.bindparam(_name(number, name), type_=table.columns[name].type) for name in columns}
            )
        )
        for number, (table, columns) in enumerate(shapes)
    ]
    ctes = [insert.cte(f"appended_{number}") for number, insert in enumerate(inserts)]
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).add_cte(*ctes)
    joined_scope(inserts, found)
    return found


def _renamed(rows: Sequence[Appended]) -> dict[str, Any]:
    return {_name(number, name): value for number, each in enumerate(rows) for name, value in each.row.items()}


def _name(number: int, column: str) -> str:
    return f"row{number}_{column}"
