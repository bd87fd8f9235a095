"""What the endpoints of files take and give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from bharat.accounts.names import LINE, LINE_TOLD
from bharat.contracts.phrasing import END, TOLD
from bharat.records.files.tables import LONGEST_CONTENT_TYPE, LONGEST_FILE_NAME, FileState

UNKNOWN_TYPE = "application/octet-stream"
CONTENT_TYPE = rf"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[ -~]*)?{END}"

FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_FILE_NAME,
        pattern=LINE,
        extra={TOLD: LINE_TOLD},
        description="What people call the file; it is saved under this name.",
    ),
]
ContentType = Annotated[
    str,
    Meta(
        max_length=LONGEST_CONTENT_TYPE,
        pattern=CONTENT_TYPE,
        extra={TOLD: "must be a media type such as application/pdf"},
    ),
]
Sha256 = Annotated[
    str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}", extra={TOLD: "must be a SHA-256: 64 digits of 0-9 and a-f"})
]


class File(msgspec.Struct, frozen=True):
    """A file of a record. `size` is in bytes and `sha256` in lower-case hex; both are `null` until it is `ready`, unless they
    were announced. `reason` says why it was `refused`. `thumbnail`: whether there is one."""

    id: UUID
    name: str
    content_type: str
    size: int | None
    sha256: str | None
    state: FileState
    reason: str | None
    thumbnail: bool
    created_at: datetime
    actor_kind: str
    actor_id: UUID | None


class FileList(msgspec.Struct, frozen=True):
    """The files of a record, oldest first, at most 1000."""

    items: list[File]


class UploadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file is called."""

    name: FileName


class ContentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`inline`: let the browser show a picture (AVIF, GIF, JPEG, PNG, WebP); anything else is saved all the same."""

    inline: bool = False


class BeginUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the client will send to the file store itself. `size` is in bytes, exactly; `sha256` in lower-case hex."""

    name: FileName
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    content_type: ContentType = UNKNOWN_TYPE
    sha256: Sha256 | None = None


class BegunUpload(msgspec.Struct, frozen=True):
    """Send the bytes to `url` with this method and these headers before `expires_at`; then complete the upload."""

    file: File
    url: str
    method: str
    headers: Mapping[str, str]
    expires_at: datetime


class Completing(msgspec.Struct, frozen=True):
    """How far the upload has come; who may read the record reads the rest of the file."""

    id: UUID
    state: FileState


class Link(msgspec.Struct, frozen=True):
    """Whoever has the URL can download the file, and nothing else, until it expires."""

    url: str
    expires_at: datetime
