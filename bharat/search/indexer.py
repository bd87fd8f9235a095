"""`Indexer`: makes the index say of some records what the database says of them, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.application import Application
from bharat.contracts.database import Reader
from bharat.contracts.vectors import Embedding, Place, Point
from bharat.contracts.work import Retry
from bharat.records import Records, kit_of
from bharat.records.resource import Resource

BATCH = 200
"""Records read, embedded and written at a time."""
MAX_TEXT = 2000
"""Characters of a record that are embedded."""
_ROUNDS = 20
"""How often a record that is being changed is done again before the job is put off."""


class Indexer:
    """Puts records right, by batches: reads them, embeds and upserts those that are live, deletes the others, and then looks whether a
    record was changed meanwhile, and does that one again.

    So of two that work on the same record at once, one with an older text than the other, the last to write sees after it that its text
    is old. Only one that is killed between the two, having been overtaken by another whole attempt, leaves the older."""

    def __init__(self, app: Application, embedding: Embedding) -> None:
        self._app = app
        self._embedding = embedding

    def put_right(self, organisation_id: UUID, records: Records, ids: Collection[UUID]) -> None:
        """Raises `VectorsUnavailable`, `EmbeddingsUnavailable`, `EmbeddingMismatch`, `IndexMissing`, and `Retry` when the records change
        faster than they can be written."""
        reader = self._app.database.read(organisation_id)
        left = sorted(set(ids))
        for begin in range(0, len(left), BATCH):
            self._put(reader, organisation_id, records, left[begin : begin + BATCH])

    def _put(self, reader: Reader, organisation_id: UUID, records: Records, ids: Sequence[UUID]) -> None:
        for _ in range(_ROUNDS):
            written = self._write(reader, organisation_id, records.resource, ids)
            now = {row.id: row.version for row in reader.rows(self._versions(records.resource), {"ids": list(ids)})}
            ids = [id for id in ids if now.get(id) != written.get(id)]
            if not ids:
                return
        raise Retry(f"{len(ids)} records of the type {records.resource.name!r} change faster than they are indexed")

    def _write(self, reader: Reader, organisation_id: UUID, resource: Resource, ids: Sequence[UUID]) -> dict[UUID, int]:
        """Write what the database says of the records; the versions it said it of."""
        rows = reader.rows(self._texts(resource), {"ids": list(ids)})
        live = [row for row in rows if row.deleted_at is None]
        if live:
            vectors = self._app.embeddings.embed([text_of(resource, row) for row in live])
            points = [
                Point(organisation_id, resource.name, row.id, vector, _keys(resource, row))
                for row, vector in zip(live, vectors, strict=True)
            ]
            self._app.vectors.upsert(self._embedding, points)
        kept = {row.id for row in live}
        gone = [Place(organisation_id, resource.name, id) for id in ids if id not in kept]
        if gone:
            self._app.vectors.delete(self._embedding, gone)
        return {row.id: row.version for row in rows}

    def _texts(self, resource: Resource) -> sa.Select[Any]:
        table = resource.table
        owned = [table.c.owner_id, table.c.team_id] if resource.owned else []
        columns = [
            table.c.id,
            table.c.version,
            table.c.deleted_at,
            *owned,
            *(table.c[name] for name in resource.searched),
        ]
        return self._made(resource, "texts", columns)

    def _versions(self, resource: Resource) -> sa.Select[Any]:
        return self._made(resource, "versions", [resource.table.c.id, resource.table.c.version])

    def _made(self, resource: Resource, name: str, columns: Sequence[Any]) -> sa.Select[Any]:
        def make() -> sa.Select[Any]:
            wanted = resource.table.c.id.in_(sa.bindparam("ids", type_=sa.Uuid, expanding=True))
            return self._app.database.prepare(sa.select(*columns).where(wanted))

        statement: sa.Select[Any] = kit_of(self._app).kept.get((resource.name, "search", name), make)
        return statement


def text_of(resource: Resource, row: sa.Row[Any]) -> str:
    """What of a record is embedded: the texts that `q` looks into, the title first."""
    # Not by attribute: a row is a tuple, and a field may be called `count`.
    texts = [row._mapping[name] for name in resource.searched]
    return "\n".join(text for text in texts if text)[:MAX_TEXT]


def _keys(resource: Resource, row: sa.Row[Any]) -> tuple[UUID, ...]:
    """By whom a query finds it: what visibility is decided by."""
    return tuple(id for id in (row.owner_id, row.team_id) if id is not None) if resource.owned else ()
