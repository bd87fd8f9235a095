"""`Kit`: all record types of an application, made ready once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import sqlalchemy as sa

from bharat.accounts.permissions import Permissions
from bharat.contracts.application import Application
from bharat.contracts.database import Database
from bharat.contracts.errors import PluginError
from bharat.contracts.records import RecordType
from bharat.data.tables import NAMING
from bharat.plugins import Owned
from bharat.records.collection import Records
from bharat.records.cursors import Cursors
from bharat.records.dependents import Dependents
from bharat.records.gate import Gate
from bharat.records.kept import Kept
from bharat.records.lookups import Lookups
from bharat.records.queries import Queries
from bharat.records.resource import Resource
from bharat.records.tables import CORE_TARGETS, build_table, table_name
from bharat.records.writer import Writer


class Kit:
    """Tables, reads and writes of every record type. Built once per process."""

    def __init__(
        self,
        types: Sequence[Owned[RecordType]],
        tables: sa.MetaData,
        *,
        database: Database,
        permissions: Permissions,
        key: bytes,
        imports: int = 1,
        max_file_size: int = 1024**3,
    ) -> None:
        """`tables`: theirs, as `metadata` builds them. `imports`: how many may run at once over HTTP. `max_file_size`: bytes of an
        attached file, at most."""
        self.database = database
        self.permissions = permissions
        self.cursors = Cursors(key)
        self.imports = Gate(imports)
        self.kept = Kept()
        self.max_file_size = max_file_size
        resources = [
            Resource(owned.plugin, owned.item, tables.tables[table_name(owned.plugin, owned.item)]) for owned in types
        ]
        by_name = {resource.name: resource for resource in resources}
        self._records: dict[str, Records] = {}
        for resource in resources:
            queries = Queries(resource, database, permissions, self.cursors, self.kept)
            lookups = Lookups(resource, permissions, by_name.__getitem__)
            writer = Writer(resource, queries, lookups, Dependents(resource, resources))
            self._records[resource.name] = Records(resource, queries, writer)

    @staticmethod
    def metadata(types: Sequence[Owned[RecordType]], among: Sequence[Owned[RecordType]] | None = None) -> sa.MetaData:
        """The tables of `types`. `among` are all types that they may refer to, `types` among them."""
        metadata = sa.MetaData(naming_convention=NAMING)
        targets = _targets(types if among is None else among)
        for owned in types:
            build_table(owned.plugin, owned.item, targets, metadata)
        return metadata

    @property
    def all(self) -> Sequence[Records]:
        """Every record type, in the order of the plugins."""
        return tuple(self._records.values())

    def records(self, name: str) -> Records:
        """The record type `name` at work. Raises `PluginError` when no enabled plugin declares it."""
        try:
            return self._records[name]
        except KeyError:
            known = ", ".join(self._records) or "none"
            raise PluginError(f"no enabled plugin declares the record type {name!r}; known: {known}") from None

    def type(self, name: str) -> RecordType:
        """The declaration of a record type."""
        return self.records(name).resource.type

    def table(self, name: str) -> sa.Table:
        """The table of a record type, for reports: read it through a `Reader` and mind `deleted_at` and visibility."""
        return self.records(name).resource.table


class _WithKit(Protocol):
    @property
    def records(self) -> Kit: ...


def kit_of(app: Application) -> Kit:
    """The record types of an application, which has them from its start on."""
    return cast(_WithKit, app).records


def _targets(types: Sequence[Owned[RecordType]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for owned in types:
        if owned.item.name in found or owned.item.name in CORE_TARGETS:
            raise PluginError(f"plugin {owned.plugin!r} declares the record type {owned.item.name!r}, which is taken")
        found[owned.item.name] = table_name(owned.plugin, owned.item)
    return found
