"""Serving a stored file over HTTP: byte ranges, entity tag, and a browser that saves it instead of running it."""

from __future__ import annotations

import re
from urllib.parse import quote

from bharat.contracts.errors import NotFound, RangeNotSatisfiable, Unavailable
from bharat.contracts.route import Parameter, Request, Response
from bharat.contracts.storage import FileMissing, RangeAfterEnd, StorageUnavailable, StoredFile, validate_inline_type

RANGE = Parameter(
    name="Range",
    location="header",
    # No pattern: what is no range of bytes is passed over (RFC 9110, 14.2).
    schema={"type": "string", "examples": ["bytes=0-1023"]},
    description="One byte range, `bytes=0-499` or `bytes=500-` (RFC 9110, 14.2); another form gets the whole file.",
)

_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})?")
_PRINTABLE = re.compile(r"[ -~]+")
_UNKNOWN = "application/octet-stream"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/]')


def disposition(filename: str, *, inline: bool = False) -> str:
    """A `Content-Disposition` (RFC 6266): `attachment`, under which a browser saves the file and never shows it, or `inline`.
    Separators and control characters become `_`; other than ASCII goes into `filename*` (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    name = _UNSAFE.sub("_", filename.encode("utf-8", "replace").decode("utf-8")) or "file"
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def serve(request: Request, key: str, *, filename: str | None = None, inline_type: str | None = None) -> Response:
    """The answer that streams the file `key`, or the byte range of it that `Range` asks for, as an attachment.

    One range is served (RFC 9110, 14), of which an empty file has none; another form of `Range`, or an `If-Range` of another
    version, gets the whole file. With `inline_type`, one of `INLINE_TYPES` (else `ValueError`), the browser shows the file as
    a picture of that type. Raises `NotFound`, `RangeNotSatisfiable` and `Unavailable`."""
    validate_inline_type(inline_type)
    storage = request.app.storage
    wanted = _RANGE.fullmatch(request.header("Range") or "")
    start = int(wanted[1]) if wanted else 0
    end = int(wanted[2]) + 1 if wanted and wanted[2] else None
    if end is not None and end <= start:
        wanted, start, end = None, 0, None
    try:
        held = request.header("If-Range")
        if wanted and held and held != _etag(storage.stat(key)):
            wanted, start, end = None, 0, None
        opened = storage.open(key, start=start, end=end)
    except FileMissing:
        raise NotFound("This file is no longer there.") from None
    except RangeAfterEnd:
        raise _no_such_range(storage.stat(key).size) from None
    except StorageUnavailable as error:
        raise Unavailable("The file store does not answer.") from error
    if wanted and opened.file.size == 0:
        opened.chunks.close()
        raise _no_such_range(0)
    headers = _headers(opened.file, filename, inline_type)
    headers["Content-Length"] = str(opened.end - opened.start)
    if wanted:
        headers["Content-Range"] = f"bytes {opened.start}-{opened.end - 1}/{opened.file.size}"
    stored_type = opened.file.content_type if _PRINTABLE.fullmatch(opened.file.content_type) else _UNKNOWN
    return Response(
        status=206 if wanted else 200,
        headers=headers,
        content_type=inline_type or stored_type,
        chunks=opened.chunks,
    )


def _no_such_range(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(
        f"The file has {size} bytes, and the range begins behind them.", headers={"Content-Range": f"bytes */{size}"}
    )


def _etag(file: StoredFile) -> str:
    return f'"{file.sha256}"'


def _headers(file: StoredFile, filename: str | None, inline_type: str | None) -> dict[str, str]:
    name = filename or file.filename or file.key.rpartition("/")[2]
    return {
        "Content-Disposition": disposition(name, inline=inline_type is not None),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "ETag": _etag(file),
    }
