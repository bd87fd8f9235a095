"""Every plugin of the repository can be enabled and removed again, and Bharat runs with none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from falcon import testing

from bharat.app import build
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.contracts.provider import Capability
from bharat.data.engine import create_engine
from bharat_local_servers import ServerUnavailable, open_valkey
from tests.fixtures.databases import missing
from tests.fixtures.servers import Migrated
from tests.packaging.distributions import PLUGINS, SAMPLE


def names() -> list[str]:
    """The plugins' names, as their distributions declare them."""
    lines = "\n".join(one.setup["options.entry_points"]["bharat.plugins"] for one in [*PLUGINS, SAMPLE])
    return sorted(line.partition("=")[0].strip() for line in lines.splitlines() if line.strip())


@dataclass(frozen=True)
class Traces:
    """All that a plugin could leave behind."""

    configuration: str
    settings: Any
    tables: frozenset[str]
    paths: frozenset[str]
    commands: str
    health: Any


@dataclass
class Installation:
    """Bharat as its operator sees it: a configuration file, a database, and the command."""

    home: Path
    database: Migrated
    capsys: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def toml(self) -> Path:
        return self.home / "bharat.toml"

    def runtime(self) -> Runtime:
        owner = (
            {}
            if self.database.owner == self.database.application
            else {"BHARAT_DATABASE__MIGRATION_URL": self.database.owner.url}
        )
        environ = {"BHARAT_HOME": str(self.home), "DATABASE_URL": self.database.application.url, **owner}
        return Runtime(environ=environ)

    def bharat(self, *arguments: str) -> str:
        code = run(cli, list(arguments), runtime=self.runtime())
        said = self.capsys.readouterr()
        assert code == 0, said.err
        return said.out

    def boot(self) -> Traces:
        """Start, answer, and end."""
        runtime = self.runtime()
        with build(runtime.config, plugins=runtime.plugins) as app:
            client = testing.TestClient(app.wsgi())
            assert client.simulate_get("/readyz").status_code == 200
            health = client.simulate_get("/api/health")
            assert (health.status_code, health.json["status"]) == (200, "ok"), health.text
            paths = client.simulate_get("/openapi.json").json["paths"]
        return Traces(
            configuration=self.toml.read_text(encoding="utf-8"),
            settings=json.loads(self.bharat("config", "--json")),
            tables=self.tables(),
            paths=frozenset(paths),
            commands=self.bharat("--help"),
            health=sorted(health.json),
        )

    def tables(self) -> frozenset[str]:
        engine = create_engine(self.database.owner)
        try:
            return frozenset(sa.inspect(engine).get_table_names())
        finally:
            engine.dispose()


@pytest.fixture
def installation(tmp_path: Path, empty_database: Migrated, capsys: pytest.CaptureFixture[str]) -> Installation:
    """With the core alone, migrated."""
    home = tmp_path / "home"
    home.mkdir()
    found = Installation(home, empty_database, capsys)
    found.toml.write_text("# mine\nplugins = []\n", encoding="utf-8")
    found.bharat("migrate")
    return found


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    try:
        opened = open_valkey()
    except ServerUnavailable as error:
        missing(str(error))
    with opened as server:
        yield server.url


IN_REDIS = {
    "session_redis": (Capability.SESSIONS,),
    "locks_redis": (Capability.LOCKS,),
    "cache_redis": (Capability.LIMITS,),
}
"""What each of the Redis plugins keeps in a Redis that evicts nothing; a cache there would be told from `/api/health`."""

CHOSEN = {
    "vector_qdrant": '[vectors]\nprovider = "qdrant_embedded"\n',
    "embeddings_http": '[embeddings]\nprovider = "http"\n[embeddings.http]\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\ndimension = 8\n',
}
"""Where a plugin that is enabled and not used would be told from `/api/health`: its provider, which need not answer at the start."""


def test_bharat_runs_with_no_plugin_at_all(installation: Installation) -> None:
    traces = installation.boot()
    assert not [path for path in traces.paths if "deals" in path]


@pytest.mark.parametrize("plugin", names())
def test_a_plugin_can_be_enabled_and_removed_without_a_trace(
    installation: Installation, plugin: str, request: pytest.FixtureRequest
) -> None:
    before = installation.boot()
    installation.bharat("plugins", "enable", plugin)
    enabled = installation.toml.read_text(encoding="utf-8")
    if capabilities := IN_REDIS.get(plugin):
        url = request.getfixturevalue("redis_url")
        chosen = "".join(f'[{each}]\nprovider = "redis"\n[{each}.redis]\nurl = "{url}"\n' for each in capabilities)
        installation.toml.write_text(enabled + chosen, encoding="utf-8")
        plugins = installation.runtime().plugins
        assert all(plugins.chosen(each).provider.name == "redis" for each in capabilities)
    if plugin in CHOSEN:
        installation.toml.write_text(enabled + CHOSEN[plugin], encoding="utf-8")
    installation.bharat("migrate")
    with_it = installation.boot()
    assert with_it != before

    installation.toml.write_text(enabled, encoding="utf-8")
    if any(line.plugin == plugin for line in installation.runtime().plugins.migrations()):
        assert with_it.tables > before.tables
        installation.bharat("migrate", "--down", plugin, "--yes")
    installation.bharat("plugins", "disable", plugin)
    assert installation.boot() == before
