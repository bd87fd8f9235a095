"""SQLite: its journal, whether its file can be written and is whole, and the room beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bharat.contracts.check import Finding, Status
from bharat.data.health.space import free_space


def examine_sqlite(connection: sa.Connection) -> Iterator[Finding]:
    file = Path(connection.engine.url.database or "")
    version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    yield Finding(Status.OK, f"SQLite {version}", about="version")
    yield _journal(connection)
    yield _file(file)
    yield free_space(file.parent)


def _journal(connection: sa.Connection) -> Finding:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if mode != "wal":
        return Finding(
            Status.DEGRADED,
            f"the journal mode is {mode}, so that readers and the writer wait for each other",
            "keep the file on a local disk: a network file system can't have a write-ahead log",
            "journal",
        )
    return Finding(Status.OK, "a write-ahead log lets readers go on while one writes", about="journal")


def _file(file: Path) -> Finding:
    # SQLite makes its journal beside the file.
    shut = [path for path in (file, file.parent) if not os.access(path, os.W_OK)]
    if shut:
        return Finding(
            Status.FAILED,
            f"{shut[0]} can't be written",
            "give it to the user that Bharat runs as, or mount it for writing",
            "file",
        )
    if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return Finding(
            Status.DEGRADED,
            f"every user of this machine may open {file}",
            f"chmod 600 {file}",
            "file",
        )
    return Finding(Status.OK, f"{file} can be written, by its owner alone", about="file")


def sqlite_integrity(connection: sa.Connection) -> Finding:
    """Reads the whole file."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        return Finding(
            Status.FAILED,
            f"the file is damaged: {found}",
            "stop Bharat, keep a copy of the file, and restore a backup; `sqlite3 FILE .recover` saves what can be read",
            "integrity",
        )
    return Finding(Status.OK, "the file is whole", about="integrity")
