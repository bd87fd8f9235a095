"""Migrated SQLite files for tests: each schema is migrated once, and each test gets a copy of its own."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from bharat.data.engine import EngineOptions
from bharat.data.migrations import Migrator
from bharat.data.schema import Schema


def key_of(schema: Schema) -> str:
    """Equal for schemas that migrate to the same tables."""
    lines = sorted(f"{line.plugin}={line.folder}" for line in schema.lines)
    return "|".join([*lines, *schema.names])


class MigratedFiles:
    """Keeps one migrated file per schema in `folder`, for as long as a run of tests lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._originals: dict[str, Path] = {}

    def copy(self, schema: Schema, folder: Path) -> EngineOptions:
        """How to connect to a new file in `folder` at the newest revision of everything in `schema`."""
        key = key_of(schema)
        if key not in self._originals:
            original = self._folder / f"original{len(self._originals)}.sqlite3"
            with closing(Migrator(schema, connecting_to(original))) as migrator:
                migrator.upgrade()
            self._originals[key] = original
        path = folder / f"{uuid4().hex}.sqlite3"
        shutil.copyfile(self._originals[key], path)
        return connecting_to(path)


def connecting_to(path: Path) -> EngineOptions:
    return EngineOptions(f"sqlite:///{path}")
