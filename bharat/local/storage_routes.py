"""The routes behind the signed URLs of `bharat.local.signed_urls`."""

from __future__ import annotations

from collections.abc import Iterator

from bharat.contracts.downloads import RANGE, serve
from bharat.contracts.errors import NotFound, TooLarge, Unavailable, UnsupportedMediaType
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.contracts.storage import InvalidKey, StorageUnavailable, UploadMissing, validate_inline_type, validate_key
from bharat.local.folder import FolderStorage
from bharat.local.signed_urls import PATH, DownloadQuery, SignedUrls, UploadQuery


def download(request: Request) -> Response:
    """Serve a file to whoever holds its signed URL. Public: the signature, which names this file alone and expires, is the
    permission, given by whoever asked for the URL with rights of their own."""
    key: str = request.path["key"]
    query: DownloadQuery = request.query
    try:
        validate_key(key)
        validate_inline_type(query.inline_type)
    except (InvalidKey, ValueError):
        raise _nowhere() from None
    SignedUrls(request.app).check_download(key, query)
    return serve(request, key, filename=query.filename, inline_type=query.inline_type)


def upload(request: Request) -> None:
    """Take a file from whoever holds a signed URL for it, and keep it aside until `Storage.complete`. Public: the signature,
    which names this upload, its content type and its largest size and expires, is the permission, given by whoever asked for the
    URL with rights of their own."""
    name: str = request.path["key"]
    query: UploadQuery = request.query
    SignedUrls(request.app).check_upload(name, query)
    given = request.header("Content-Type") or ""
    if given != query.content_type:
        raise UnsupportedMediaType(f"This link takes {query.content_type}: send it as Content-Type.")
    announced = request.header("Content-Length")
    if announced is not None and announced.isdecimal() and int(announced) > query.max_size:
        raise _too_large(query.max_size)
    storage = request.app.storage
    if not isinstance(storage, FolderStorage):  # the link was made while files were kept in a folder
        raise _nowhere()
    try:
        storage.stage(name, _limited(request.stream(), query.max_size), content_type=query.content_type)
    except UploadMissing:
        raise _nowhere() from None
    except StorageUnavailable as error:
        raise Unavailable("The file store does not answer.") from error


def _limited(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"This link takes at most {most} bytes.")


def _nowhere() -> NotFound:
    return NotFound("This link leads nowhere.")


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
        parameters=(RANGE,),
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
        examples={"key": "1790000000000-0123456789abcdef0123456789abcdef"},
    ),
)
