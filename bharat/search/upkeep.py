"""Keeping the index up to date: one job for each organisation, woken by the events of its records.

While the index or the model is away that job waits and tries again, as often as it takes; nothing is lost, since what it has to read is
in the database. The first time it builds the whole of its organisation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from bharat.contracts.application import Application
from bharat.contracts.principal import SYSTEM
from bharat.contracts.vectors import (
    EmbeddingMismatch,
    EmbeddingsUnavailable,
    IndexMissing,
    VectorsUnavailable,
    embedding_of,
)
from bharat.contracts.work import JobContext, JobSpec, Retry
from bharat.data import new_id
from bharat.records import Kit, kit_of
from bharat.search.application import searchable, uses_vectors
from bharat.search.indexer import Indexer
from bharat.search.rebuild import Rebuild, index_for
from bharat.search.state import Index, Position, locked_position, position, write_position
from bharat.work.followers import Follower, caught_up, is_gap, last_number, published_since

log = logging.getLogger(__name__)

PAGE = 500
"""Events read at a time."""
SLICE = 60.0
"""Seconds that one attempt works; then other jobs have a turn."""
_LONGEST_WAIT = 15
"""Seconds between two attempts while the index is away."""
_REFUSED_WAIT = 60
"""Seconds between two attempts while an operator has to do something."""


def followers(app: Application, kit: Kit) -> Sequence[Follower]:
    """The follower that keeps the index, while there is one to keep; without, nothing is enqueued or stored."""
    types = [one.resource.name for one in searchable(kit)]
    return [Follower(INDEX, tuple(f"{name}.*" for name in types))] if uses_vectors(app) and types else []


def _run(job: JobContext) -> None:
    app, organisation_id = job.app, job.organisation_id
    if organisation_id is None or not uses_vectors(app):
        return
    try:
        _follow(job, app, organisation_id)
    except (VectorsUnavailable, EmbeddingsUnavailable) as error:
        log.warning("the index waits: %s", error)
        raise Retry(str(error), delay=timedelta(seconds=min(2 ** min(job.attempt - 1, 10), _LONGEST_WAIT))) from error
    except (EmbeddingMismatch, IndexMissing) as error:
        log.warning("the index waits: %s", error)
        raise Retry(str(error), delay=timedelta(seconds=_REFUSED_WAIT)) from error


def _follow(job: JobContext, app: Application, organisation_id: UUID) -> None:
    until = time.monotonic() + SLICE
    embedding = embedding_of(app.embeddings)
    index = index_for(app, embedding)
    at = _built(app, organisation_id, index, until)
    indexer, reader = Indexer(app, embedding), app.database.read(organisation_id)
    by_name = {one.resource.name: one for one in searchable(kit_of(app))}
    while True:
        page = published_since(reader, at.number, PAGE)
        changed: dict[str, set[UUID]] = {}
        for event in page:
            if event.subject_type in by_name and event.subject_id is not None:
                changed.setdefault(event.subject_type, set()).add(event.subject_id)
        for name, ids in changed.items():
            indexer.put_right(organisation_id, by_name[name], ids)
        with app.database.write(organisation_id, SYSTEM) as unit:
            now = locked_position(unit, index.id)
            if now is None:
                raise Retry("the index is being made anew", delay=timedelta(0))
            at = replace(now, number=max(now.number, page[-1].number)) if page else now
            if page:
                write_position(unit, at)
            if caught_up(unit, at.number):
                job.finish_in(unit)
                return
        if time.monotonic() > until:
            raise Retry("there is more to index", delay=timedelta(0))


def _built(app: Application, organisation_id: UUID, index: Index, until: float) -> Position:
    """The organisation's position, once all of it is in the index."""
    reader = app.database.read(organisation_id)
    at = position(reader, index.id)
    if at is not None and at.built_at is not None:
        if not is_gap(reader, at.number):
            return at
        log.warning("events that the index needs were forgotten: organisation %s is read anew", organisation_id)
        at = _begin_anew(app, organisation_id, index)
    rebuild = Rebuild(app, enough=lambda: time.monotonic() > until)
    if not rebuild.organisation(organisation_id, index, new_id() if at is None else at.run):
        raise Retry("there is more to index", delay=timedelta(0))
    found = position(reader, index.id)
    if found is None:
        raise Retry("the index is being made anew", delay=timedelta(0))
    return found


def _begin_anew(app: Application, organisation_id: UUID, index: Index) -> Position:
    """Count events from now on: those before are made up for by reading all records."""
    with app.database.write(organisation_id, SYSTEM) as unit:
        at = Position(index.id, new_id(), None, None, 0, False, None, last_number(unit))
        write_position(unit, at)
    return at


INDEX = JobSpec(
    kind="search.index",
    run=_run,
    max_attempts=None,
    time_limit=timedelta(minutes=10),
    summary="Bring changed records into the vector index",
)
