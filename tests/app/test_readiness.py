"""`/readyz` of a node whose database lacks a migration: it gets no traffic, and says which."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from falcon import testing

import bharat.data
from bharat.app import Bharat, build, load_plugins, schema_of
from bharat.config import Config, load
from bharat.data.clock import OffsetClock
from bharat.data.migrations import Migrator
from bharat.data.schema import CORE
from bharat.web.readiness import RECHECK
from tests.fixtures.servers import Databases, Migrated

VERSIONS = Path(bharat.data.__file__).parent / "versions"


@pytest.fixture
def config(migrated_core: Migrated, tmp_path: Path) -> Config:
    """The sample plugin is enabled on a database that only the core's migrations have run on."""
    environ = {"BHARAT_PLUGINS": "sample", "BHARAT_HOME": str(tmp_path), "DATABASE_URL": migrated_core.application.url}
    return load(None, environ)


@pytest.fixture
def migrator(config: Config, migrated_core: Migrated, databases: Databases) -> Iterator[Migrator]:
    role = databases.application_role
    found = Migrator(schema_of(load_plugins(config)), migrated_core.owner, application_role=role)
    yield found
    found.close()


@pytest.fixture
def app(config: Config, clock: OffsetClock) -> Iterator[Bharat]:
    with build(config, clock=clock) as built:
        yield built


def test_a_node_that_waits_for_a_plugins_migration_says_which(app: Bharat, migrator: Migrator) -> None:
    (pending,) = migrator.pending()
    answer = testing.TestClient(app.wsgi()).simulate_get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert f"Migrations are pending (sample {pending.revision}): run `bharat migrate`." in answer.json["detail"]


def test_a_node_that_waits_for_the_cores_migration_says_which(app: Bharat, migrator: Migrator) -> None:
    migrator.upgrade()
    below, last = sorted(path.stem.partition("_")[0] for path in VERSIONS.glob("0*.py"))[-2:]
    migrator.downgrade(CORE, below)
    answer = testing.TestClient(app.wsgi()).simulate_get("/readyz")
    assert answer.status_code == 503
    assert f"({CORE} {last})" in answer.json["detail"]


def test_it_lives_meanwhile_and_is_ready_once_migrated(app: Bharat, migrator: Migrator, clock: OffsetClock) -> None:
    client = testing.TestClient(app.wsgi())
    assert client.simulate_get("/livez").status_code == 200
    assert client.simulate_get("/readyz").status_code == 503
    migrator.upgrade()
    clock.offset += timedelta(seconds=RECHECK)
    assert client.simulate_get("/readyz").status_code == 200
