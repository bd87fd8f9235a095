"""Reading and writing how far the index is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Reader, Unit
from bharat.contracts.principal import SYSTEM
from bharat.contracts.vectors import Embedding
from bharat.data import new_id
from bharat.search.tables import search_index, search_positions

_INDEX = sa.select(search_index)
_POSITION = sa.select(search_positions)
_LOCKED_POSITION = sa.select(search_positions).with_for_update()
_BUILT = (
    sa.select(search_positions.c.built_at)
    .join(search_index, search_index.c.index_id == search_positions.c.index_id)
    .where(search_positions.c.built_at.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Index:
    """The index that the database knows of. `id` is another for each that was made anew."""

    id: UUID
    embedding: Embedding
    run: UUID
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Position:
    """How far an organisation's part is: see `search_positions`."""

    index_id: UUID
    run: UUID
    type: str | None
    after: UUID | None
    records: int
    done: bool
    built_at: datetime | None
    number: int


def known_index(database: Database) -> Index | None:
    """The index that was made last, whether or not it is there still."""
    row = database.read(None).row(_INDEX)
    return (
        None if row is None else Index(row.index_id, Embedding(row.embedding, row.dimension), row.run, row.finished_at)
    )


def begin_index(database: Database, embedding: Embedding) -> Index:
    """Note that an index is about to be made: every position of an earlier one counts for nothing from now on."""
    with database.write(None, SYSTEM) as unit:
        found = Index(new_id(), embedding, new_id(), None)
        unit.execute(search_index.delete())
        unit.execute(
            search_index.insert(),
            {
                "id": 1, "index_id": found.id, "embedding": embedding.name, "dimension": embedding.dimension, "run": found.run,
                "started_at": unit.at, "finished_at": None,
            },
        )  # fmt: skip
    return found


def begin_run(database: Database, index: Index) -> Index:
    """Note that all organisations are gone through anew, in the same index."""
    with database.write(None, SYSTEM) as unit:
        run = new_id()
        unit.execute(search_index.update().values(run=run, started_at=unit.at, finished_at=None))
    return Index(index.id, index.embedding, run, None)


def end_run(database: Database, run: UUID) -> None:
    with database.write(None, SYSTEM) as unit:
        unit.execute(search_index.update().where(search_index.c.run == run).values(finished_at=unit.at))


def position(reader: Reader, index: UUID) -> Position | None:
    """The organisation's, in this index."""
    return _position(reader.row(_POSITION), index)


def locked_position(unit: Unit, index: UUID) -> Position | None:
    """The same, kept from others until the unit ends."""
    return _position(unit.row(_LOCKED_POSITION), index)


def _position(row: sa.Row[Any] | None, index: UUID) -> Position | None:
    if row is None or row.index_id != index:
        return None
    return Position(row.index_id, row.run, row.type, row.after, row.records, row.done, row.built_at, row.number)


def write_position(unit: Unit, position: Position) -> None:
    values: dict[str, Any] = {name: getattr(position, name) for name in Position.__slots__}
    if unit.execute(search_positions.update().values(**values)).rowcount:
        return
    try:
        with unit.savepoint():
            unit.execute(search_positions.insert(), values)
    except sa.exc.IntegrityError:
        # Another was first.
        unit.execute(search_positions.update().values(**values))


def is_complete(reader: Reader) -> bool:
    """Whether all of the organisation's records have been in the index."""
    return reader.scalar(_BUILT) is not None
