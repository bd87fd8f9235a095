"""A database with the sample record types, whose migration is generated as a plugin author's would be."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import falcon.testing
import msgspec
import pytest
import sqlalchemy as sa

from bharat.accounts.tables import api_keys
from bharat.accounts.tokens import hash_of, new_key
from bharat.app import BUILTINS, Bharat, build
from bharat.config import load
from bharat.contracts.database import Unit
from bharat.contracts.migration import Migrations
from bharat.contracts.principal import SYSTEM, Principal
from bharat.data import BharatDatabase, new_id
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from bharat.data.migrations.generate import make_migration
from bharat.data.schema import Schema
from bharat.hookspecs import hookimpl
from bharat.plugins import Plugins
from bharat.records import Kit
from tests.fixtures.homes import Homes
from tests.fixtures.schema import core_schema
from tests.fixtures.servers import Migrated
from tests.records.sample import TYPES, People, kit_of, people_of

Write = Callable[[Principal | None], AbstractContextManager[Unit]]


@pytest.fixture(scope="session")
def records_schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """The core and the sample types."""
    folder = tmp_path_factory.mktemp("sample") / "versions"
    schema = core_schema()
    schema.add(Migrations(plugin="sample", folder=folder, metadata=sa.MetaData()), Kit.metadata(TYPES).tables.values())
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


class Answer:
    """An answer, decoded."""

    def __init__(self, result: falcon.testing.Result) -> None:
        self.status: int = result.status_code
        self.headers = result.headers
        self.text: str = result.text
        self.json: Any = result.json if "json" in result.headers.get("content-type", "") else None

    @property
    def faults(self) -> list[str]:
        return sorted(fault["path"] for fault in self.json["errors"])

    @property
    def etag(self) -> str:
        return str(self.headers["etag"])


class Api:
    """Calls the application as a principal, by an API key of that user."""

    def __init__(self, app: Bharat) -> None:
        self.app = app
        self._client = falcon.testing.TestClient(app.wsgi())
        self._keys: dict[tuple[UUID, frozenset[str]], str] = {}

    def __call__(
        self, who: Principal, method: str, path: str, body: Any = None, /, *, match: str | None = None, **headers: str
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self._key(who)}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if match is not None:
            sent["If-Match"] = match
        content: dict[str, Any] = {}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            content["body"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
        path, _, query = path.partition("?")
        return Answer(
            self._client.simulate_request(
                method, f"/api/v1{path}", headers=sent, query_string=query or None, protocol="http", **content
            )
        )

    def _key(self, who: Principal) -> str:
        scopes = who.scopes or frozenset({"*"})
        if (who.user_id, scopes) not in self._keys:
            text, now = new_key(who.organisation_id), self.app.clock.now()
            row = {
                "id": new_id(), "user_id": who.user_id, "name": "test", "hint": text[-4:], "token_hash": hash_of(text),
                "scopes": sorted(scopes), "created_at": now,
            }  # fmt: skip
            with self.app.database.write(who.organisation_id, SYSTEM) as unit:
                unit.execute(api_keys.insert(), row)
            self._keys[who.user_id, scopes] = text
        return self._keys[who.user_id, scopes]


@pytest.fixture
def api(
    database_options: EngineOptions,
    records_schema: Schema,
    clock: OffsetClock,
    people: People,
    homes: Homes,
    tmp_path: Path,
) -> Iterator[Api]:
    """The real application with the sample types, on the test's database."""
    sample = types.ModuleType("sample")
    vars(sample)["bharat_record_types"] = hookimpl(lambda: [owned.item for owned in TYPES])
    vars(sample)["bharat_migrations"] = hookimpl(lambda: records_schema.line("sample"))
    for name in ("bharat_record_types", "bharat_migrations"):
        getattr(sample, name).__name__ = name
    config = load(None, homes.settings((), tmp_path, {}) | {"DATABASE_URL": database_options.url})
    plugins = Plugins.load(config, (*BUILTINS, ("sample", sample)))
    with build(config, plugins=plugins, clock=clock) as app:
        yield Api(app)
