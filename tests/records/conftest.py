"""A database with the sample record types, whose migration is generated as a plugin author's would be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest

from bharat.contracts.database import Unit
from bharat.contracts.migration import Migrations
from bharat.contracts.principal import SYSTEM, Principal
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.migrations.generate import make_migration
from bharat.data.schema import Schema
from bharat.records import Kit
from tests.fixtures.schema import core_schema
from tests.fixtures.servers import Migrated
from tests.records.sample import TYPES, People, kit_of, people_of

Write = Callable[[Principal | None], AbstractContextManager[Unit]]


@pytest.fixture(scope="session")
def records_schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """The core and the sample types."""
    metadata = Kit.metadata(TYPES)
    line = Migrations(plugin="sample", folder=tmp_path_factory.mktemp("sample") / "versions", metadata=metadata)
    schema = core_schema()
    schema.add(line)
    assert make_migration(schema, "sample", "Companies, deals and products.") is not None
    return schema


@pytest.fixture
def migrated_core(migrated: Callable[[Schema], Migrated], records_schema: Schema) -> Migrated:
    return migrated(records_schema)


@pytest.fixture
def database_options(migrated_core: Migrated) -> EngineOptions:
    return migrated_core.application


@pytest.fixture
def kit(database: BharatDatabase) -> Kit:
    return kit_of(database)


@pytest.fixture
def people(database: BharatDatabase, organisation_id: UUID) -> People:
    return people_of(database, organisation_id)


@pytest.fixture
def write(database: BharatDatabase, people: People) -> Write:
    """Opens a unit of the organisation for a principal."""
    return lambda principal: database.write(people.organisation_id, principal.actor if principal else SYSTEM)


class Actions:
    """The everyday calls, each in a unit or read of its own."""

    def __init__(self, kit: Kit, database: BharatDatabase, people: People) -> None:
        self.kit, self.database, self.people = kit, database, people

    def create(self, type: str, principal: Principal | None = None, **body: Any) -> dict[str, Any]:
        principal = principal or self.people.admin
        with self.database.write(principal.organisation_id, principal.actor) as unit:
            return self.kit.records(type).writer.create(unit, principal, body)

    def update(
        self, type: str, id: UUID, principal: Principal | None = None, version: int | None = None, **body: Any
    ) -> dict[str, Any]:
        principal = principal or self.people.admin
        with self.database.write(principal.organisation_id, principal.actor) as unit:
            return self.kit.records(type).writer.update(unit, principal, id, body, version)

    def delete(
        self, type: str, id: UUID, principal: Principal | None = None, version: int | None = None
    ) -> dict[str, Any]:
        principal = principal or self.people.admin
        with self.database.write(principal.organisation_id, principal.actor) as unit:
            return self.kit.records(type).writer.delete(unit, principal, id, version)

    def restore(self, type: str, id: UUID, principal: Principal | None = None) -> dict[str, Any]:
        principal = principal or self.people.admin
        with self.database.write(principal.organisation_id, principal.actor) as unit:
            return self.kit.records(type).writer.restore(unit, principal, id)

    def read(self, type: str, id: UUID, principal: Principal | None = None) -> dict[str, Any] | None:
        principal = principal or self.people.admin
        return self.kit.records(type).queries.one(self.database.read(principal.organisation_id), principal, id)


@pytest.fixture
def do(kit: Kit, database: BharatDatabase, people: People) -> Actions:
    return Actions(kit, database, people)
