"""Building the index from the database: of one organisation, or of all.

How far it is stands in the database after each batch, so that one that was killed goes on there. Records that change meanwhile are put
right by their events as ever (`upkeep`): an organisation's events count from before its first record is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.application import Application
from bharat.contracts.errors import BharatError
from bharat.contracts.holding import holding
from bharat.contracts.principal import SYSTEM
from bharat.contracts.vectors import Embedding, EmbeddingMismatch, IndexMissing, Place, embedding_of
from bharat.data import new_id
from bharat.data.organisations import organisations
from bharat.records import kit_of
from bharat.records.resource import Resource
from bharat.search.application import searchable, uses_vectors
from bharat.search.indexer import BATCH, Indexer
from bharat.search.state import (
    Index,
    Position,
    begin_index,
    begin_run,
    end_run,
    known_index,
    locked_position,
    position,
    write_position,
)
from bharat.work.followers import last_number

MAKING = "search.index"
"""The lock of who makes the index. While it is made there is none, which must not be taken for an invitation to make one."""
_LEASE = timedelta(seconds=30)
_ORGANISATIONS = sa.select(organisations.c.id, organisations.c.slug).order_by(organisations.c.id)


@dataclass(slots=True)
class Progress:
    """How far a rebuild is. `records` and `removed` count what this process did; `resumed`: it went on where another stopped."""

    organisation: str = ""
    type: str = ""
    organisations: int = 0
    records: int = 0
    removed: int = 0
    resumed: bool = False


class Rebuild:
    """One rebuild. `told` is called after each batch; `enough` is asked before each, and ends the rebuild for now when true."""

    def __init__(
        self,
        app: Application,
        *,
        told: Callable[[Progress], None] = lambda progress: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        if not uses_vectors(app):
            raise BharatError("there is no vector index to build: choose vectors.provider and embeddings.provider")
        self._app = app
        self._embedding = embedding_of(app.embeddings)
        self._indexer = Indexer(app, self._embedding)
        self._told = told
        self._enough = enough
        self.progress = Progress()

    def all(self, *, anew: bool = False) -> Progress:
        """Go through every organisation, or on where one that was killed stopped; then remove what the database does not know. An index
        of another embedding, or one that is missing, is made anew; with `anew` any."""
        database = self._app.database
        known = self._begun(anew)
        for row in database.read(None).rows(_ORGANISATIONS):
            self.progress.organisation = row.slug
            self.organisation(row.id, known, known.run)
            self.progress.organisations += 1
        self._remove_unknown(None)
        end_run(database, known.run)
        return self.progress

    def _begun(self, anew: bool) -> Index:
        app = self._app
        with holding(app.locks, MAKING, ttl=_LEASE, wait=timedelta(minutes=1)):
            known = known_index(app.database)
            if anew or known is None or known.embedding != self._embedding or app.vectors.held() != self._embedding:
                return make_index(app, self._embedding)
            if known.finished_at is not None:
                return begin_run(app.database, known)
        self.progress.resumed = True
        return known

    def only(self, organisation_id: UUID) -> Progress:
        """Go through one organisation, or on where that stopped. Raises `EmbeddingMismatch` or `IndexMissing` when the index fits no more:
        it is made anew for all organisations."""
        known = index_for(self._app, self._embedding)
        there = position(self._app.database.read(organisation_id), known.id)
        self.progress.resumed = there is not None and not there.done
        run = there.run if there is not None and not there.done else new_id()
        self.organisation(organisation_id, known, run)
        self._remove_unknown(organisation_id)
        self.progress.organisations = 1
        return self.progress

    def organisation(self, organisation_id: UUID, index: Index, run: UUID) -> bool:
        """Read every live record into the index, from where `run` stopped; whether it came to the end."""
        reader = self._app.database.read(organisation_id)
        at = position(reader, index.id)
        if at is None:
            # Read before any record: what is published later is in the index by its event.
            at = Position(index.id, run, None, None, 0, False, None, last_number(reader))
        elif at.run != run:
            at = replace(at, run=run, type=None, after=None, records=0, done=False)
        if at.done:
            return True
        self._note(organisation_id, at)
        for records in searchable(kit_of(self._app)):
            resource = records.resource
            if at.type is not None and resource.name < at.type:
                continue
            if resource.name != at.type:
                at = replace(at, type=resource.name, after=None)
            self.progress.type = resource.name
            while ids := self._next(organisation_id, resource, at.after):
                if self._enough():
                    return False
                self._indexer.put_right(organisation_id, records, ids)
                at = replace(at, after=ids[-1], records=at.records + len(ids))
                self._note(organisation_id, at)
                self.progress.records += len(ids)
                self._told(self.progress)
        self._note(organisation_id, at, done=True)
        return True

    def _note(self, organisation_id: UUID, at: Position, *, done: bool = False) -> None:
        with self._app.database.write(organisation_id, SYSTEM) as unit:
            now = locked_position(unit, at.index_id)
            if now is not None:
                # Upkeep has gone on meanwhile.
                at = replace(at, number=max(at.number, now.number), built_at=now.built_at)
            if done:
                at = replace(at, done=True, built_at=at.built_at or unit.at)
            write_position(unit, at)

    def _next(self, organisation_id: UUID, resource: Resource, after: UUID | None) -> Sequence[UUID]:
        table = resource.table
        statement = sa.select(table.c.id).where(table.c.deleted_at.is_(None)).order_by(table.c.id).limit(BATCH)
        if after is not None:
            statement = statement.where(table.c.id > after)
        return [row.id for row in self._app.database.read(organisation_id).rows(statement)]

    def _remove_unknown(self, organisation_id: UUID | None) -> None:
        """Take out what the database does not know as live: left by who was killed, or by an older copy of the database."""
        resources = {one.resource.name: one.resource for one in searchable(kit_of(self._app))}
        after: str | None = None
        while True:
            places, after = self._app.vectors.scan(self._embedding, organisation_id, after=after)
            grouped: dict[tuple[UUID, str], list[UUID]] = {}
            for place in places:
                grouped.setdefault((place.organisation_id, place.type), []).append(place.id)
            gone: list[Place] = []
            for (owner, type), ids in grouped.items():
                live = self._live(owner, resources[type], ids) if type in resources else frozenset()
                gone += [Place(owner, type, id) for id in ids if id not in live]
            self._app.vectors.delete(self._embedding, gone)
            self.progress.removed += len(gone)
            if after is None:
                return

    def _live(self, organisation_id: UUID, resource: Resource, ids: Sequence[UUID]) -> Collection[UUID]:
        table = resource.table
        statement = sa.select(table.c.id).where(table.c.id.in_(ids), table.c.deleted_at.is_(None))
        return {row.id for row in self._app.database.read(organisation_id).rows(statement)}


def index_for(app: Application, embedding: Embedding) -> Index:
    """The index for this embedding, known to the database and there; made where there never was one.

    Raises `EmbeddingMismatch` for another's, and `IndexMissing` for one that is lost or that this database knows nothing of: somebody
    else may use it. `Unavailable` when another makes it and takes long."""
    known, held = known_index(app.database), app.vectors.held()
    if held is None and (known is None or known.finished_at is None):
        with holding(app.locks, MAKING, ttl=_LEASE, wait=timedelta(seconds=10)):
            known, held = known_index(app.database), app.vectors.held()
            if held is None and (known is None or known.finished_at is None):
                # Nobody has used this index, so that nobody loses anything.
                made = make_index(app, embedding)
                end_run(app.database, made.run)
                return made
    if held is not None and held != embedding:
        raise EmbeddingMismatch(held, embedding)
    if known is None or held is None or known.embedding != embedding:
        raise IndexMissing
    return known


def make_index(app: Application, embedding: Embedding) -> Index:
    """Make the index anew, and note it; whoever calls holds `MAKING`. Noted before, so that one who is killed in between leaves nothing that is taken for complete;
    and after, so that what others wrote into the old one in between is not either."""
    begin_index(app.database, embedding)
    app.vectors.recreate(embedding)
    return begin_index(app.database, embedding)
