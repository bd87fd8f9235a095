"""A unit of work that saves up the rows of an import and runs them together: thousands of rows at the price of a few statements.

What waits is what is appended: the new records' rows, their audit entries and events. A read of a table with waiting rows runs them
first, so it sees the transaction's own writes as ever; any statement that writes too. Reads that are asked again with the same
parameters are answered from memory until something is written to a table they name. A violated constraint shows when the rows are
run, not when they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bharat.contracts.database import Parameters, Refused, Unit
from bharat.contracts.principal import Actor
from bharat.data.appending import row_insert


class Refusal(Exception):
    """The database refused rows that were run together: which of them is not known. The savepoint around them must go back."""


_tables: WeakKeyDictionary[sa.Executable, frozenset[str]] = WeakKeyDictionary()


class BufferedUnit:
    """See `bharat.contracts.database.Unit`. Good for one batch; call `flush` at its end."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._waiting: list[tuple[sa.Table, Mapping[str, Any]]] = []
        self._written: set[str] = set()
        # By the tables they were read from, so that forgetting does not go through all of them.
        self._answers: dict[frozenset[str], dict[Hashable, Sequence[sa.Row[Any]]]] = {}
        self._row_begins = 0
        self.row_was_run = False
        """Whether anything of the row that was begun last was run: that can't be taken back by forgetting."""

    @property
    def organisation_id(self) -> UUID | None:
        return self._unit.organisation_id

    @property
    def actor(self) -> Actor:
        return self._unit.actor

    @property
    def at(self) -> datetime:
        return self._unit.at

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def begin_row(self) -> None:
        """A row of the file begins: what is given from here on is of that one."""
        self._row_begins = len(self._waiting)
        self.row_was_run = False

    def forget_row(self) -> None:
        """Drop what was given since the row began and still waits."""
        self._forget_after(self._row_begins)

    def flush(self) -> None:
        """Run what waits, in the order in which each table was first named: a row that others refer to is given first."""
        waiting, self._waiting = self._waiting, []
        self._written = set()
        # What was run of the rows before stays, whatever becomes of this one.
        self.row_was_run = self.row_was_run or len(waiting) > self._row_begins
        self._row_begins = 0
        by_table: dict[sa.Table, list[Mapping[str, Any]]] = {}
        for table, row in waiting:
            by_table.setdefault(table, []).append(row)
        for table, rows in by_table.items():
            try:
                self._unit.execute(row_insert(table), rows)
            except sa.exc.IntegrityError as error:
                raise Refusal from error

    def execute(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        self.flush()
        self._answers.clear()
        self.row_was_run = self.row_was_run or not isinstance(statement, sa.Select)
        return self._unit.execute(statement, parameters)

    def append(self, table: sa.Table, row: Mapping[str, Any], *, refused: Refused | None = None) -> None:
        for tables in [known for known in self._answers if table.name in known]:
            del self._answers[tables]
        self._waiting.append((table, row))
        self._written.add(table.name)

    def rows(self, statement: sa.Executable, parameters: Parameters | None = None) -> Sequence[sa.Row[Any]]:
        tables = _tables_of(statement)
        if self._written & tables:
            self.flush()
        question = _question(statement, parameters)
        if question is None:
            return self._unit.rows(statement, parameters)
        answers = self._answers.setdefault(tables, {})
        found = answers.get(question)
        if found is None:
            found = answers[question] = self._unit.rows(statement, parameters)
        return found

    def row(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.Row[Any] | None:
        found = self.rows(statement, parameters)
        return found[0] if found else None

    def scalar(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        found = self.rows(statement, parameters)
        return found[0][0] if found else None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.flush()
        try:
            with self._unit.savepoint():
                yield
                self.flush()
        except BaseException:
            self._forget_after(0)
            self._answers.clear()
            raise

    def wake(self, job_id: UUID, queue: str, at: datetime | None) -> None:
        self._unit.wake(job_id, queue, at)

    def on_commit(self, callback: Callable[[], None]) -> None:
        self._unit.on_commit(callback)

    def _forget_after(self, waiting: int) -> None:
        del self._waiting[waiting:]
        self._written = {table.name for table, _ in self._waiting}


def _tables_of(statement: sa.Executable) -> frozenset[str]:
    found = _tables.get(statement)
    if found is None:
        elements: Any = visitors.iterate(statement)  # type: ignore[arg-type] # every executable can be walked
        found = _tables[statement] = frozenset(element.name for element in elements if isinstance(element, sa.Table))
    return found


def _question(statement: sa.Executable, parameters: Parameters | None) -> Hashable | None:
    """What tells two reads apart; `None` when the parameters can't be compared cheaply."""
    if parameters is None:
        return statement
    if not isinstance(parameters, Mapping):
        return None
    values = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in parameters.items())
    try:
        hash(values)
    except TypeError:
        return None
    return statement, values
