"""The rows of attached files: written with the audit entry and the event that tell of the change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Reader, Unit
from bharat.contracts.storage import StoredFile
from bharat.data import new_id
from bharat.data.audit import audit_row, write_audit
from bharat.records.files.shapes import File
from bharat.records.files.tables import FileState, record_files
from bharat.work.events import emit

MOST_FILES = 1000
"""Files of one record."""
_SHOWN = [record_files.c[name] for name in File.__struct_fields__]
_RECORD = (
    record_files.c.record_type == sa.bindparam("record_type", type_=sa.String),
    record_files.c.record_id == sa.bindparam("record", type_=sa.Uuid),
    record_files.c.state != FileState.RECEIVING,
)
_OF_RECORD = sa.select(*_SHOWN).where(*_RECORD).order_by(record_files.c.id).limit(MOST_FILES)
_COUNT = sa.select(sa.func.count()).select_from(record_files).where(*_RECORD)
_BY_ID = sa.select(*record_files.c).where(record_files.c.id == sa.bindparam("file", type_=sa.Uuid))
_ONE_OF_RECORD = sa.select(*record_files.c).where(*_RECORD, record_files.c.id == sa.bindparam("file", type_=sa.Uuid))
_INSERT = record_files.insert()
_FROM_STATE = record_files.update().where(
    record_files.c.id == sa.bindparam("file", type_=sa.Uuid),
    record_files.c.state == sa.bindparam("from_state", type_=sa.String),
)
_DELETE = record_files.delete().where(record_files.c.id == sa.bindparam("file", type_=sa.Uuid))
_BROKEN_OFF = (FileState.RECEIVING, FileState.AWAITING, FileState.REFUSED)


class Attached:
    """The files of one type's records."""

    def __init__(self, record_type: str, database: Database) -> None:
        self._type = record_type
        self._all, self._count, self._one = (database.prepare(one) for one in (_OF_RECORD, _COUNT, _ONE_OF_RECORD))

    def all(self, reader: Reader, record: UUID) -> list[File]:
        """What was added to a record, oldest first."""
        return [File(*tuple(row)) for row in reader.rows(self._all, {"record_type": self._type, "record": record})]

    def count(self, reader: Reader, record: UUID) -> int:
        return int(reader.scalar(self._count, {"record_type": self._type, "record": record}))

    def one(self, reader: Reader, record: UUID, file: UUID) -> sa.Row[Any] | None:
        """The row of a file of this record, or `None`."""
        return reader.row(self._one, {"record_type": self._type, "record": record, "file": file})

    def add(self, unit: Unit, record: UUID, *, name: str, content_type: str, state: FileState, **more: Any) -> UUID:
        """Write the row of a file whose bytes are still to come; its id."""
        file = new_id()
        row = {
            "id": file, "record_type": self._type, "record_id": record, "name": name, "content_type": content_type,
            "state": state.value, "thumbnail": False, "created_at": unit.at, "actor_kind": unit.actor.kind.value,
            "actor_id": unit.actor.id, "size": None, "sha256": None, "reason": None, "upload": None, **more,
        }  # fmt: skip
        unit.execute(_INSERT, row)
        return file

    def remove(self, unit: Unit, row: sa.Row[Any]) -> None:
        """Delete the row, and tell of it if the file could be seen."""
        unit.execute(_DELETE, {"file": row.id})
        if row.state == FileState.READY:
            tell(unit, row, "file_removed")


def by_id(reader: Reader, file: UUID) -> sa.Row[Any] | None:
    """The row of a file, whatever its state and its record."""
    return reader.row(_BY_ID, {"file": file})


def change_state(unit: Unit, file: UUID, before: FileState, after: FileState, **more: Any) -> bool:
    """Let a file go from one state to another; false when it is in neither that state nor there any more."""
    statement = _FROM_STATE.values(state=after.value, **more)
    return unit.execute(statement, {"file": file, "from_state": before.value}).rowcount == 1


def make_ready(unit: Unit, row: sa.Row[Any], stored: StoredFile) -> bool:
    """Show a file whose bytes have been stored; false when it was removed meanwhile."""
    if not change_state(
        unit, row.id, FileState(row.state), FileState.READY, size=stored.size, sha256=stored.sha256, upload=None
    ):
        return False
    tell(unit, row, "file_added")
    return True


def mark_thumbnail(unit: Unit, file: UUID) -> bool:
    """Say that a file has a thumbnail; false when the file was removed meanwhile."""
    return change_state(unit, file, FileState.READY, FileState.READY, thumbnail=True)


def stale(database: Database, organisation_id: UUID, older_than: timedelta, limit: int) -> list[sa.Row[Any]]:
    """Files that were begun longer ago than that and of which nothing more comes."""
    query = (
        sa.select(record_files.c.id, record_files.c.state)
        .where(
            record_files.c.state != FileState.READY,
            record_files.c.state.in_([state.value for state in _BROKEN_OFF]),
            record_files.c.created_at < database.after(-older_than),
        )
        .limit(limit)
    )
    return list(database.read(organisation_id).rows(query))


def unverified(database: Database, organisation_id: UUID, older_than: timedelta) -> list[UUID]:
    """Files that were begun longer ago than that and that nobody has verified yet."""
    query = sa.select(record_files.c.id).where(
        record_files.c.state != FileState.READY,
        record_files.c.state == FileState.VERIFYING,
        record_files.c.created_at < database.after(-older_than),
    )
    return [file for (file,) in database.read(organisation_id).rows(query)]


def forget(unit: Unit, file: UUID, state: FileState) -> bool:
    """Delete the row of a file that never became ready, unless it has gone on to another state."""
    statement = record_files.delete().where(record_files.c.id == file, record_files.c.state == state.value)
    return unit.execute(statement).rowcount == 1


def tell(unit: Unit, row: sa.Row[Any], what: str) -> None:
    """The event and the entry in the record's history. `what`: `file_added` or `file_removed`."""
    names = [None, row.name] if what == "file_added" else [row.name, None]
    action = f"{row.record_type}.{what}"
    write_audit(unit, audit_row(unit, unit.at, action, row.record_type, row.record_id, {"file": names}))
    emit(unit, action, row.record_type, row.record_id, {"file_id": str(row.id), "name": row.name})
