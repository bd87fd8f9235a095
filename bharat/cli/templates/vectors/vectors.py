"""Points in one SQLite file. A query compares with every point that it reaches."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from bharat.contracts.platform import Platform
from bharat.contracts.vectors import (
    Embedding,
    EmbeddingMismatch,
    IndexMissing,
    Neighbour,
    Place,
    Point,
    Scope,
    VectorsUnavailable,
    check_query,
    check_vector,
)

from bharat.cli.templates.vectors import NewPluginOptions

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embedding (name TEXT NOT NULL, dimension INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS points (
    organisation TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, keys TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (organisation, type, id)
);
"""
# A point keeps its rowid, by which `scan` goes; INSERT OR REPLACE would give it a new one.
_UPSERT = """
INSERT INTO points VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET keys = excluded.keys, vector = excluded.vector
"""


class NewPluginVectors:
    """See `bharat.contracts.vectors.Vectors`."""

    enabled = True

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._path = platform.home / options.file
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as connection:
            connection.executescript(_SCHEMA)

    def held(self) -> Embedding | None:
        with self._opened() as connection:
            return _held(connection)

    def recreate(self, embedding: Embedding) -> None:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM points")
            connection.execute("DELETE FROM embedding")
            connection.execute("INSERT INTO embedding VALUES (?, ?)", (embedding.name, embedding.dimension))
            connection.execute("COMMIT")

    def upsert(self, embedding: Embedding, points: Sequence[Point]) -> None:
        with self._index(embedding) as connection:
            for point in points:
                check_vector(embedding, point.vector)
            connection.executemany(_UPSERT, map(_row, points))

    def delete(self, embedding: Embedding, places: Sequence[Place]) -> None:
        with self._index(embedding) as connection:
            rows = [(str(place.organisation_id), place.type, str(place.id)) for place in places]
            connection.executemany("DELETE FROM points WHERE organisation = ? AND type = ? AND id = ?", rows)

    def query(
        self,
        embedding: Embedding,
        organisation_id: UUID,
        vector: Sequence[float],
        *,
        scopes: Sequence[Scope],
        limit: int,
    ) -> Sequence[Neighbour]:
        with self._index(embedding) as connection:
            check_query(embedding, vector, limit)
            statement = "SELECT type, id, keys, vector FROM points WHERE organisation = ?"
            rows = connection.execute(statement, (str(organisation_id),)).fetchall()
        found = [
            Neighbour(type, UUID(id), sum(a * b for a, b in zip(vector, array("d", stored), strict=True)))
            for type, id, keys, stored in rows
            if any(_within(type, frozenset(json.loads(keys)), scope) for scope in scopes)
        ]
        return sorted(found, key=lambda hit: -hit.score)[:limit]

    def scan(
        self, embedding: Embedding, organisation_id: UUID | None, *, after: str | None = None, limit: int = 1000
    ) -> tuple[Sequence[Place], str | None]:
        statement = (
            "SELECT rowid, organisation, type, id FROM points WHERE rowid > ? AND (? IS NULL OR organisation = ?)"
        )
        organisation = None if organisation_id is None else str(organisation_id)
        with self._index(embedding) as connection:
            values = (int(after or 0), organisation, organisation, limit + 1)
            rows = connection.execute(f"{statement} ORDER BY rowid LIMIT ?", values).fetchall()
        places = [Place(UUID(owner), type, UUID(id)) for _, owner, type, id in rows[:limit]]
        return places, str(rows[limit - 1][0]) if len(rows) > limit else None

    def close(self) -> None:
        """Nothing is kept open between calls."""

    @contextmanager
    def _index(self, embedding: Embedding) -> Iterator[sqlite3.Connection]:
        """A transaction on the index of this embedding."""
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            held = _held(connection)
            if held is None:
                raise IndexMissing
            if held != embedding:
                raise EmbeddingMismatch(held, embedding)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise VectorsUnavailable(f"the index does not answer: {error}") from error


def _held(connection: sqlite3.Connection) -> Embedding | None:
    row = connection.execute("SELECT name, dimension FROM embedding").fetchone()
    return None if row is None else Embedding(*row)


def _row(point: Point) -> tuple[str, str, str, str, bytes]:
    keys = json.dumps([str(key) for key in point.keys])
    return str(point.organisation_id), point.type, str(point.id), keys, array("d", point.vector).tobytes()


def _within(type: str, keys: frozenset[str], scope: Scope) -> bool:
    return type == scope.type and (scope.keys is None or not keys.isdisjoint(map(str, scope.keys)))
