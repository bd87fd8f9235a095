"""Rows that a unit of work writes and does not read back, written together.

A change causes an audit entry, an event, perhaps a job, and the answer to remember. Each in a statement of its own is a round trip
to the database. On PostgreSQL those that wait become CTEs of one statement (its manual, "Data-Modifying Statements in WITH");
SQLite knows no such CTEs, and has no round trips to save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from bharat.contracts.database import Parameters
from bharat.data.tenancy import joined_scope, scoped

Row = Mapping[str, Any]
Shape = tuple[sa.Table, tuple[str, ...]]
"""A table and the columns of a row for it."""


def statements(rows: Sequence[tuple[sa.Table, Row]], *, together: bool) -> Iterator[tuple[sa.Executable, Parameters]]:
    """What writes the rows: one statement where it may be (`together`) and no table has two of them, else one for each table, in
    the order in which the tables were first named, so that a row others refer to can be given first."""
    by_table: dict[sa.Table, list[Row]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    if together and 1 < len(by_table) == len(rows):
        yield _combined(tuple((table, tuple(row)) for table, row in rows)), _renamed(rows)
        return
    for table, its_rows in by_table.items():
        yield row_insert(table), its_rows if len(its_rows) > 1 else its_rows[0]


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


def _renamed(rows: Sequence[tuple[sa.Table, Row]]) -> dict[str, Any]:
    return {_name(number, name): value for number, (_, row) in enumerate(rows) for name, value in row.items()}


def _name(number: int, column: str) -> str:
    return f"row{number}_{column}"
