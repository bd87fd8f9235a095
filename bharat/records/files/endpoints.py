"""The endpoints of the files of one record type, below each of its records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Reader
from bharat.contracts.digests import CONTENT_DIGEST, announced_sha256
from bharat.contracts.downloads import RANGE, serve
from bharat.contracts.errors import (
    Conflict,
    FieldFault,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from bharat.contracts.route import Needs, Request, Response, Route, Stream
from bharat.contracts.storage import INLINE_TYPES, ChecksumMismatch, StorageUnavailable
from bharat.data.row_locks import Lock
from bharat.records.collection import Records
from bharat.records.files.attached import MOST_FILES, Attached, by_id, change_state, forget, make_ready
from bharat.records.files.jobs import COMPLETE, REMOVE, enqueue_thumbnail, payload_of
from bharat.records.files.shapes import (
    CONTENT_TYPE,
    UNKNOWN_TYPE,
    BeginUpload,
    BegunUpload,
    Completing,
    ContentQuery,
    File,
    FileList,
    Link,
    UploadQuery,
)
from bharat.records.files.tables import LONGEST_CONTENT_TYPE, FileState, content_key, thumbnail_key
from bharat.records.files.thumbnails import THUMBNAIL_TYPE
from bharat.records.kit import Kit
from bharat.work.queue import enqueue

UPLOAD_EXPIRES = timedelta(hours=1)
LINK_EXPIRES = timedelta(minutes=5)
_MEDIA_TYPE = re.compile(CONTENT_TYPE)


class FileEndpoints:
    """The handlers. Who may read a record reads its files; who may change it adds and removes some."""

    def __init__(self, kit: Kit, records: Records) -> None:
        self._records = records
        self._label = records.resource.label
        self._attached = Attached(records.resource.name, kit.database)
        self._max_size = kit.max_file_size

    def list(self, request: Request) -> FileList:
        record = self._record(request, request.reader)
        return FileList(self._attached.all(request.reader, record))

    def read(self, request: Request) -> File:
        return _shown(self._file(request))

    def upload(self, request: Request) -> Response:
        """Send the bytes as the body and their type as `Content-Type`. With `Content-Digest` they are compared with what
        arrives, and a mismatch is 400. The file appears when all of it has arrived."""
        record = self._record(request, request.reader, "write")
        query: UploadQuery = request.query
        content_type = _content_type(request)
        sha256 = announced_sha256(request)
        self._check_room(request.reader, record)
        app, principal = request.app, request.principal
        # The row is committed before the first byte: whatever breaks off, the sweep finds it and removes what is there.
        with app.database.write(principal.organisation_id, principal.actor) as begun:
            file = self._attached.add(
                begun, record, name=query.name, content_type=content_type, state=FileState.RECEIVING
            )
        key = content_key(principal.organisation_id, file)
        with self._broken_off(request, file), _available():
            stored = app.storage.put(
                key, request.stream(), content_type=content_type, filename=query.name, sha256=sha256
            )
            unit = request.unit
            # Held: nobody deletes the record or takes it from the caller while the file is added.
            self._record(request, unit, "write", lock="change")
            self._check_room(unit, record)  # others may have filled it; the sweep removes what was stored
            row = by_id(unit, file)
            if row is None or not make_ready(unit, row, stored):
                app.storage.delete(key)  # which no row tells of
                raise Unavailable("The upload took longer than a day and was swept.")
            enqueue_thumbnail(unit, file, stored)
        made = File(
            file, query.name, content_type, stored.size, stored.sha256, FileState.READY, None, False, row.created_at,
            row.actor_kind, row.actor_id,
        )  # fmt: skip
        return self._created(record, made, made)

    def begin(self, request: Request) -> Response:
        """Ask where to send a file that is not to pass through this server: to the file store itself, which takes it from whoever
        has the URL. Then complete the upload. It takes no idempotency key, since a stored answer would keep the URL."""
        unit, body = request.unit, request.body
        record = self._record(request, unit, "write", lock="change")
        self._check_room(unit, record)
        if body.size > self._max_size:
            fault = FieldFault("/size", f"must be at most {self._max_size}")
            raise Invalid("This file is larger than is taken.", faults=[fault])
        with _available():
            self._presigns(request)
            put = request.app.storage.presign_put(
                expires=UPLOAD_EXPIRES, content_type=body.content_type, max_size=body.size
            )
        file = self._attached.add(
            unit, record, name=body.name, content_type=body.content_type, state=FileState.AWAITING, size=body.size,
            sha256=body.sha256, upload=put.upload,
        )  # fmt: skip
        row = by_id(unit, file)
        assert row is not None
        shown = _shown(row)
        return self._created(
            record, shown, BegunUpload(shown, put.url, put.method, put.headers, unit.at + UPLOAD_EXPIRES)
        )

    def complete(self, request: Request) -> Completing:
        """Say that the bytes were sent. A job compares them with what was announced; the file is `ready` then, or `refused`."""
        record = self._record(request, request.unit, "write", lock="change")
        row = self._found(request.unit, record, request.path["file"])
        if row.state != FileState.AWAITING:
            return Completing(row.id, row.state)
        change_state(request.unit, row.id, FileState.AWAITING, FileState.VERIFYING)
        enqueue(request.unit, COMPLETE, payload_of(row.id), unique_key=str(row.id))
        return Completing(row.id, FileState.VERIFYING)

    def content(self, request: Request) -> Response:
        """The bytes, or a range of them, as an attachment; with `inline` a picture is shown by the browser."""
        row, query = self._ready(request), request.query
        shown = row.content_type if query.inline and row.content_type in INLINE_TYPES else None
        key = content_key(request.principal.organisation_id, row.id)
        return serve(request, key, filename=row.name, inline_type=shown)

    def thumbnail(self, request: Request) -> Response:
        """A small WebP of a picture. Pictures have one shortly after they were added."""
        row = self._ready(request)
        if not row.thumbnail:
            raise NotFound("There is no thumbnail of this file.")
        key = thumbnail_key(request.principal.organisation_id, row.id)
        return serve(request, key, filename=f"{row.name}.webp", inline_type=THUMBNAIL_TYPE)

    def link(self, request: Request) -> Link:
        """A URL of the file store itself, for five minutes: the bytes do not pass through this server."""
        row = self._ready(request)
        key = content_key(request.principal.organisation_id, row.id)
        with _available():
            self._presigns(request)
            url = request.app.storage.presign_get(key, expires=LINK_EXPIRES, filename=row.name)
        return Link(url, request.app.clock.now() + LINK_EXPIRES)

    def delete(self, request: Request) -> None:
        """The file is gone for good; the record's history tells that it was there."""
        unit = request.unit
        record = self._record(request, unit, "write", lock="change")
        row = self._found(unit, record, request.path["file"])
        self._attached.remove(unit, row)
        enqueue(unit, REMOVE, payload_of(row.id))

    def routes(self) -> Sequence[Route]:
        resource = self._records.resource
        name, plural, label = resource.name, resource.plural, resource.label
        base, tag = f"/api/v1/{plural}/{{id:uuid}}/files", plural
        one = f"{base}/{{file:uuid}}"
        read, write = Needs(f"{plural}:read"), Needs(f"{plural}:write")
        anything = Stream(("*/*",))
        article = "an" if label[:1].lower() in "aeiou" else "a"
        return [
            Route(
                method="GET", path=base, handler=self.list, access=read, summary=f"List the files of {article} {label}", tag=tag,
                operation_id=f"list_{name}_files", returns=FileList, errors=(404,),
            ),
            Route(
                method="POST", path=base, handler=self.upload, access=write, summary=f"Add a file to {article} {label}", tag=tag,
                operation_id=f"upload_{name}_file", body=Stream(("*/*",), self._max_size), query=UploadQuery,
                parameters=(CONTENT_DIGEST,), returns=File, status=201, errors=(404, 409, 413, 415, 503),
            ),
            Route(
                method="POST", path=f"{base}/uploads", handler=self.begin, access=write,
                summary="Begin an upload straight to the file store", tag=tag, operation_id=f"begin_{name}_upload",
                body=BeginUpload, returns=BegunUpload, status=201, errors=(404, 409, 503), replays=False,
            ),
            Route(
                method="POST", path=f"{one}/complete", handler=self.complete, access=write, summary="Complete an upload",
                tag=tag, operation_id=f"complete_{name}_upload", returns=Completing, status=202, errors=(404,),
            ),
            Route(
                method="GET", path=one, handler=self.read, access=read, summary="Read what is known of a file", tag=tag,
                operation_id=f"read_{name}_file", returns=File, errors=(404,),
            ),
            Route(
                method="GET", path=f"{one}/content", handler=self.content, access=read, summary="Download a file", tag=tag,
                operation_id=f"download_{name}_file", query=ContentQuery, parameters=(RANGE,), returns=anything,
                errors=(404, 409, 416, 503),
            ),
            Route(
                method="GET", path=f"{one}/thumbnail", handler=self.thumbnail, access=read,
                summary="Show the thumbnail of a picture", tag=tag, operation_id=f"show_{name}_thumbnail",
                parameters=(RANGE,), returns=Stream((THUMBNAIL_TYPE,)), errors=(404, 409, 416, 503),
            ),
            Route(
                method="GET", path=f"{one}/link", handler=self.link, access=read,
                summary="Get a URL to download a file from the file store", tag=tag, operation_id=f"link_{name}_file",
                returns=Link, errors=(404, 409, 503),
            ),
            Route(
                method="DELETE", path=one, handler=self.delete, access=write, summary="Delete a file", tag=tag,
                operation_id=f"delete_{name}_file", errors=(404,),
            ),
        ]  # fmt: skip

    def _record(self, request: Request, reader: Reader, verb: str = "read", *, lock: Lock | None = None) -> UUID:
        """The id of the record, which the caller reaches with `verb`; with `lock` it stays so until the unit ends."""
        record: UUID = request.path["id"]
        found = self._records.queries.one(reader, request.principal, record, verb=verb, lock=lock)
        if found is None:
            raise NotFound(f"There is no such {self._label}, or none that you may see.")
        return record

    def _file(self, request: Request) -> sa.Row[Any]:
        return self._found(request.reader, self._record(request, request.reader), request.path["file"])

    def _found(self, reader: Reader, record: UUID, file: UUID) -> sa.Row[Any]:
        row = self._attached.one(reader, record, file)
        if row is None:
            raise NotFound(f"There is no such file of this {self._label}.")
        return row

    def _ready(self, request: Request) -> sa.Row[Any]:
        row = self._file(request)
        if row.state != FileState.READY:
            raise Conflict(f"The file is not ready: it is {row.state}.")
        return row

    def _check_room(self, reader: Reader, record: UUID) -> None:
        if self._attached.count(reader, record) >= MOST_FILES:
            raise Conflict(f"This {self._label} has {MOST_FILES} files, and no more are taken.")

    @staticmethod
    def _presigns(request: Request) -> None:
        if not request.app.storage.features.presign:
            raise Conflict("This file store gives and takes files through Bharat alone: upload and download them here.")

    def _created(self, record: UUID, file: File, body: File | BegunUpload) -> Response:
        location = f"/api/v1/{self._records.resource.plural}/{record}/files/{file.id}"
        return Response(body, headers={"Location": location})

    @contextmanager
    def _broken_off(self, request: Request, file: UUID) -> Iterator[None]:
        """When the block fails, forget the file at once where that is possible; else the sweep does."""
        try:
            yield
        except ChecksumMismatch:
            self._forget(request, file)
            raise Malformed(
                "The bytes that arrived do not have the SHA-256 of Content-Digest; nothing was stored."
            ) from None
        except (TooLarge, Malformed):
            self._forget(request, file)
            raise

    def _forget(self, request: Request, file: UUID) -> None:
        principal = request.principal
        with request.app.database.write(principal.organisation_id, principal.actor) as unit:
            forget(unit, file, FileState.RECEIVING)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except StorageUnavailable as error:
        raise Unavailable("The file store does not answer.") from error


def _content_type(request: Request) -> str:
    given = (request.header("Content-Type") or "").strip() or UNKNOWN_TYPE
    if len(given) > LONGEST_CONTENT_TYPE or not _MEDIA_TYPE.fullmatch(given):
        raise UnsupportedMediaType(
            f"Content-Type must be a media type such as application/pdf, at most {LONGEST_CONTENT_TYPE} characters."
        )
    return given


def _shown(row: sa.Row[Any]) -> File:
    return File(*(getattr(row, name) for name in File.__struct_fields__))
