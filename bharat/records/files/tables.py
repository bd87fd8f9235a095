"""The table of attached files."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.storage import organisation_prefix
from bharat.data import Instant, organisation_table
from bharat.data.tables import core_metadata

LONGEST_FILE_NAME = 255
LONGEST_CONTENT_TYPE = 255


class FileState(StrEnum):
    """How far a file has come."""

    RECEIVING = "receiving"
    """Its bytes come through this server; nobody is shown it."""
    AWAITING = "awaiting"
    """A client was told where to upload it."""
    VERIFYING = "verifying"
    """The client says that it has; a job looks at what is there."""
    READY = "ready"
    REFUSED = "refused"
    """What was uploaded is not what was announced; `reason` says why. It is forgotten after a day."""


record_files = organisation_table(
    "record_files",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("record_type", sa.String(48), nullable=False),
    sa.Column("record_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.String(LONGEST_FILE_NAME), nullable=False),
    sa.Column("content_type", sa.String(LONGEST_CONTENT_TYPE), nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("upload", sa.String(200)),
    sa.Column("thumbnail", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.Uuid),
    sa.Index("ix_record_files_record", "organisation_id", "record_type", "record_id", "id"),
    sa.Index("ix_record_files_unfinished", "organisation_id", "created_at", sqlite_where=sa.text("state <> 'ready'"),
             postgresql_where=sa.text("state <> 'ready'")),
)  # fmt: skip


def content_key(organisation_id: UUID, file_id: UUID) -> str:
    """Where the bytes of a file lie in storage."""
    return f"{organisation_prefix(organisation_id)}files/{file_id}"


def thumbnail_key(organisation_id: UUID, file_id: UUID) -> str:
    """Where the thumbnail of a file lies in storage."""
    return f"{organisation_prefix(organisation_id)}thumbnails/{file_id}"
