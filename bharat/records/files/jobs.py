"""What happens to files in the background: verifying what clients uploaded, thumbnails, removing, forgetting what broke off."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.application import Application
from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.contracts.storage import (
    UNFINISHED,
    ChecksumMismatch,
    FileMissing,
    StorageUnavailable,
    StoredFile,
    UploadMissing,
    UploadTooLarge,
)
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec, Retry
from bharat.data.organisations import organisations
from bharat.data.turns import give_way
from bharat.records.files.attached import by_id, change_state, forget, make_ready, mark_thumbnail, stale, unverified
from bharat.records.files.tables import FileState, content_key, thumbnail_key
from bharat.records.files.thumbnails import MOST_BYTES, THUMBNAIL_TYPE, NoPicture, can_picture, thumbnail_of
from bharat.work.queue import enqueue

log = logging.getLogger(__name__)

_BATCH = 500


def payload_of(file: UUID) -> Mapping[str, Any]:
    """What each of these jobs is enqueued with."""
    return {"file": str(file)}


def enqueue_thumbnail(unit: Unit, file: UUID, stored: StoredFile) -> None:
    """Have a thumbnail made, if the file is a picture that one can be made of."""
    if can_picture(stored.content_type, stored.size):
        enqueue(unit, THUMBNAIL, payload_of(file))


def _complete(job: JobContext) -> None:
    """Store what a client uploaded, if it is what was announced. Run again, it finds what it stored before."""
    app, organisation, file = _of(job)
    row = by_id(app.database.read(organisation), file)
    key = content_key(organisation, file)
    if row is None:  # removed while it was verified
        _delete(app, key)
        return
    if row.state != FileState.VERIFYING:
        return
    try:
        stored = _stored(app, row, key)
    except StorageUnavailable as error:
        raise Retry(str(error)) from error
    actor = Actor(ActorKind(row.actor_kind), row.actor_id, job.request_id)
    with app.database.write(organisation, actor) as unit:
        if isinstance(stored, str):
            change_state(unit, file, FileState.VERIFYING, FileState.REFUSED, reason=stored)
        elif make_ready(unit, row, stored):
            enqueue_thumbnail(unit, file, stored)
        _remove_unless_ready(unit, file)
        job.finish_in(unit)


def _stored(app: Application, row: sa.Row[Any], key: str) -> StoredFile | str:
    """The stored file, or why it is refused."""
    try:
        stored = app.storage.complete(
            row.upload, key, max_size=row.size, content_type=row.content_type, filename=row.name, sha256=row.sha256
        )
    except UploadMissing:
        try:
            stored = app.storage.stat(key)  # an earlier attempt got this far
        except FileMissing:
            return "Nothing was uploaded before the upload was completed, or it lay for more than a day and was swept."
    except UploadTooLarge:
        return f"More than the {row.size} announced bytes were uploaded."
    except ChecksumMismatch:
        return "The uploaded bytes do not have the announced SHA-256."
    if stored.size != row.size:
        return f"{stored.size} bytes were uploaded, and {row.size} were announced."
    return stored


def _remove(job: JobContext) -> None:
    app, organisation, file = _of(job)
    _delete(app, content_key(organisation, file), thumbnail_key(organisation, file))


def _thumbnail(job: JobContext) -> None:
    app, organisation, file = _of(job)
    row = by_id(app.database.read(organisation), file)
    if row is None or row.state != FileState.READY:
        return
    key = thumbnail_key(organisation, file)
    try:
        picture = b"".join(app.storage.open(content_key(organisation, file), end=MOST_BYTES).chunks)
        app.storage.put(key, [thumbnail_of(picture)], content_type=THUMBNAIL_TYPE)
    except FileMissing:
        return
    except NoPicture as error:
        log.info("no thumbnail of file %s: %s", file, error)
        return
    except StorageUnavailable as error:
        raise Retry(str(error)) from error
    with app.database.write(organisation, SYSTEM) as unit:
        if not mark_thumbnail(unit, file):
            _remove_unless_ready(unit, file)
        job.finish_in(unit)


def _remove_unless_ready(unit: Unit, file: UUID) -> None:
    """Have what was stored of a file removed that nobody is to be shown, however long that takes."""
    row = by_id(unit, file)
    if row is None or row.state != FileState.READY:
        enqueue(unit, REMOVE, payload_of(file))


def sweep(app: Application) -> int:
    """Forget files that broke off, and have what storage has of them removed; how many. What waits to be verified is not among them: it gets
    its job again, unless that is still at it."""
    count = 0
    for (organisation_id,) in app.database.read(None).rows(sa.select(organisations.c.id)):
        for file in unverified(app.database, organisation_id, UNFINISHED):
            with app.database.write(organisation_id, SYSTEM) as unit:
                enqueue(unit, COMPLETE, payload_of(file), unique_key=str(file))
            give_way()
        while found := stale(app.database, organisation_id, UNFINISHED, _BATCH):
            forgotten = 0
            for row in found:
                with app.database.write(organisation_id, SYSTEM) as unit:
                    # It may have become ready since it was found: only who took its row away removes the bytes.
                    if forget(unit, row.id, FileState(row.state)):
                        enqueue(unit, REMOVE, payload_of(row.id))
                        forgotten += 1
                give_way()
            count += forgotten
            if not forgotten:  # others sweep
                break
    return count


def _sweep(job: JobContext) -> None:
    log.info("forgot %d unfinished files", sweep(job.app))


def _of(job: JobContext) -> tuple[Application, UUID, UUID]:
    assert job.organisation_id is not None, "files belong to organisations"
    return job.app, job.organisation_id, UUID(job.payload["file"])


def _delete(app: Application, *keys: str) -> None:
    try:
        for key in keys:
            app.storage.delete(key)
    except StorageUnavailable as error:
        raise Retry(str(error)) from error


# However long the file store is away: nobody else tells the client how its upload went, or knows of a deleted file's bytes.
COMPLETE = JobSpec(
    kind="files.complete", run=_complete, max_attempts=None, time_limit=timedelta(hours=1),
    summary="Verify and store what a client uploaded",
)  # fmt: skip
REMOVE = JobSpec(
    kind="files.remove", run=_remove, priority=500, max_attempts=None, summary="Remove a deleted file from storage"
)
THUMBNAIL = JobSpec(kind="files.thumbnail", run=_thumbnail, priority=300, summary="Make the thumbnail of a picture")
SWEEP = JobSpec(
    kind="files.sweep", run=_sweep, priority=900, time_limit=timedelta(hours=1), summary="Forget files whose upload broke off"
)  # fmt: skip
DAILY = CronEntry(name="files.sweep", schedule="41 4 * * *", job=SWEEP.kind, catch_up=CatchUp.LATEST)
