"""The whole schema: the core's tables and every plugin's, each with its owner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.migration import Migrations
from bharat.data.tables import NAMING, core_metadata, tenancy_of

CORE = "core"


class Schema:
    """Tables by owner, in one `MetaData` so that foreign keys between owners resolve."""

    def __init__(self) -> None:
        self.metadata = sa.MetaData(naming_convention=NAMING)
        self.lines: list[Migrations] = []
        self.add(Migrations(plugin=CORE, folder=Path(__file__).parent / "versions", metadata=core_metadata))

    def add(self, line: Migrations, *more: sa.MetaData) -> None:
        """Add an owner's tables. Raises `PluginError` for a table that is somebody else's or declares no tenancy."""
        for metadata in (line.metadata, *more):
            # Not sorted: references to other owners' tables resolve only once all are in.
            for table in metadata.tables.values():
                if table.name in self.metadata.tables:
                    owner = self.metadata.tables[table.name].info["plugin"]
                    raise PluginError(
                        f"plugin {line.plugin!r} defines the table {table.name!r}, which {owner!r} has already"
                    )
                if tenancy_of(table) is None:
                    raise PluginError(
                        f"plugin {line.plugin!r}: table {table.name!r} declares no tenancy; "
                        "make it with organisation_table() or platform_table()"
                    )
                table.to_metadata(self.metadata).info["plugin"] = line.plugin
        self.lines.append(line)

    def tables_of(self, plugin: str) -> Sequence[sa.Table]:
        return [table for table in self.metadata.sorted_tables if table.info["plugin"] == plugin]

    def line(self, plugin: str) -> Migrations:
        """The migrations of `plugin`. Raises `PluginError` when it has none."""
        for line in self.lines:
            if line.plugin == plugin:
                return line
        known = ", ".join(line.plugin for line in self.lines)
        raise PluginError(f"no enabled plugin {plugin!r} has migrations; those that have: {known}")
