"""The whole schema: the core's tables and every plugin's, each with its owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.migration import Migrations
from bharat.data.tables import NAMING, core_metadata, tenancy_of

CORE = "core"


class Schema:
    """Tables by owner, in one `MetaData` so that foreign keys between owners resolve."""

    def __init__(self) -> None:
        self.lines: list[Migrations] = []
        self._owners: dict[str, str] = {}
        self._metadata = sa.MetaData(naming_convention=NAMING)
        self._uncopied: list[sa.Table] = []
        self.add(Migrations(plugin=CORE, folder=Path(__file__).parent / "versions", metadata=core_metadata))

    def add(self, line: Migrations, more: Iterable[sa.Table] = ()) -> None:
        """Add an owner's tables, those of its record types among them. Raises `PluginError` for a table that is somebody else's or declares no tenancy."""
        # Not sorted: references to other owners' tables resolve only once all are in.
        for table in (*line.metadata.tables.values(), *more):
            if table.name in self._owners:
                raise PluginError(
                    f"plugin {line.plugin!r} defines the table {table.name!r}, which {self._owners[table.name]!r} has already"
                )
            if tenancy_of(table) is None:
                raise PluginError(
                    f"plugin {line.plugin!r}: table {table.name!r} declares no tenancy; "
                    "make it with organisation_table() or platform_table()"
                )
            self._owners[table.name] = line.plugin
            self._uncopied.append(table)
        self.lines.append(line)

    @property
    def names(self) -> Sequence[str]:
        """The names of all tables, sorted."""
        return sorted(self._owners)

    @property
    def metadata(self) -> sa.MetaData:
        """Copies of all tables, with their owner in `info["plugin"]`. Made when they are asked for: a server needs them never (measured:
        half of the time that making an application takes)."""
        while self._uncopied:
            table = self._uncopied.pop(0)
            table.to_metadata(self._metadata).info["plugin"] = self._owners[table.name]
        return self._metadata

    def tables_of(self, plugin: str) -> Sequence[sa.Table]:
        return [table for table in self.metadata.sorted_tables if table.info["plugin"] == plugin]

    def line(self, plugin: str) -> Migrations:
        """The migrations of `plugin`. Raises `PluginError` when it has none."""
        for line in self.lines:
            if line.plugin == plugin:
                return line
        known = ", ".join(line.plugin for line in self.lines)
        raise PluginError(f"no enabled plugin {plugin!r} has migrations; those that have: {known}")
