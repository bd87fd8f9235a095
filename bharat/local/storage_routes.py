"""The routes behind the signed URLs of `bharat.local.signed_urls`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from bharat.contracts.errors import NotFound, RangeNotSatisfiable, TooLarge, Unavailable, UnsupportedMediaType
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.contracts.storage import (
    FileMissing,
    InvalidKey,
    StorageUnavailable,
    StoredFile,
    validate_key,
)
from bharat.contracts.storage import RangeNotSatisfiable as NoSuchRange
from bharat.local.signed_urls import PATH, DownloadQuery, SignedUrls, UploadQuery

_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})?")
_PRINTABLE = re.compile(r"[ -~]+")
_UNKNOWN = "application/octet-stream"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/]')


def attachment(filename: str) -> str:
    """A `Content-Disposition` (RFC 6266) under which a browser saves the file and never shows it. Separators and control
    characters become `_`; other than ASCII goes into `filename*` (RFC 8187)."""
    name = _UNSAFE.sub("_", filename.encode("utf-8", "replace").decode("utf-8")) or "file"
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def download(request: Request) -> Response:
    """Serve a file to whoever holds its signed URL. Public: the signature, which names this file alone and expires, is the
    permission, given by whoever asked for the URL with rights of their own. One byte range is served (RFC 9110, 14), which
    an empty file has none of; another form of `Range` gets the whole file."""
    key = _key(request)
    query: DownloadQuery = request.query
    SignedUrls(request.app).check_download(key, query)
    wanted = _RANGE.fullmatch(request.header("Range") or "")
    start = int(wanted[1]) if wanted else 0
    end = int(wanted[2]) + 1 if wanted and wanted[2] else None
    if end is not None and end <= start:
        wanted, start, end = None, 0, None
    try:
        opened = request.app.storage.open(key, start=start, end=end)
    except FileMissing:
        raise NotFound("This file is no longer there.") from None
    except NoSuchRange:
        raise _no_such_range(request.app.storage.stat(key).size) from None
    except StorageUnavailable as error:
        raise Unavailable("The file store does not answer.") from error
    if wanted and opened.file.size == 0:
        for _ in opened.chunks:  # there is none: this closes the file
            pass
        raise _no_such_range(0)
    headers = _headers(opened.file, query.filename)
    headers["Content-Length"] = str(opened.end - opened.start)
    if wanted:
        headers["Content-Range"] = f"bytes {opened.start}-{opened.end - 1}/{opened.file.size}"
    return Response(
        status=206 if wanted else 200,
        headers=headers,
        content_type=opened.file.content_type if _PRINTABLE.fullmatch(opened.file.content_type) else _UNKNOWN,
        chunks=opened.chunks,
    )


def upload(request: Request) -> None:
    """Take a file from whoever holds a signed URL for it. Public: the signature, which names this key, its content type and
    its largest size and expires, is the permission, given by whoever asked for the URL with rights of their own."""
    key = _key(request)
    query: UploadQuery = request.query
    SignedUrls(request.app).check_upload(key, query)
    given = request.header("Content-Type") or ""
    if given != query.content_type:
        raise UnsupportedMediaType(f"This link takes {query.content_type}: send it as Content-Type.")
    announced = request.header("Content-Length")
    if announced is not None and announced.isdecimal() and int(announced) > query.max_size:
        raise _too_large(query.max_size)
    try:
        request.app.storage.put(key, _limited(request.stream(), query.max_size), content_type=query.content_type)
    except StorageUnavailable as error:
        raise Unavailable("The file store does not answer.") from error


def _key(request: Request) -> str:
    key: str = request.path["key"]
    try:
        return validate_key(key)
    except InvalidKey:
        raise NotFound("This link leads nowhere.") from None


def _no_such_range(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(
        f"The file has {size} bytes, and the range begins behind them.", headers={"Content-Range": f"bytes */{size}"}
    )


def _headers(file: StoredFile, filename: str | None) -> dict[str, str]:
    name = filename or file.filename or file.key.rpartition("/")[2]
    return {
        "Content-Disposition": attachment(name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.sha256}"',
    }


def _limited(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"This link takes at most {most} bytes.")


ROUTES = (
    Route(
        method="GET",
        path=f"{PATH}/{{key:path}}",
        handler=download,
        access=Public(),
        summary="Download a file by its signed URL",
        tag="storage",
        operation_id="storage_download",
        query=DownloadQuery,
        returns=Stream(("*/*",)),
        errors=(403, 404, 416, 503),
        examples={"key": "files/report.pdf"},
    ),
    Route(
        method="PUT",
        path=f"{PATH}/{{key:path}}",
        handler=upload,
        access=Public(),
        summary="Upload a file to its signed URL",
        tag="storage",
        operation_id="storage_upload",
        body=Stream(("*/*",)),
        query=UploadQuery,
        status=204,
        errors=(403, 404, 413, 415, 503),
        examples={"key": "files/report.pdf"},
    ),
)
