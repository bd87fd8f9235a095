"""`Bharat`: the assembled application. Everything is decided here once; a request finds plain attributes.

`build` is called once per process, after fork and after monkey-patching: it opens pools and builds the chosen providers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import falcon
import msgspec
import sqlalchemy as sa

import bharat.accounts

# Nothing else here imports these three and `organisations`, and the schema must know every table of the core.
import bharat.data.organisations
import bharat.integrations
import bharat.local
import bharat.local.limits
import bharat.local.locks
import bharat.local.sessions
import bharat.records
import bharat.search
import bharat.web
import bharat.work
from bharat import __version__
from bharat.accounts.permissions import Permissions
from bharat.accounts.policy import Policy
from bharat.accounts.service import Accounts
from bharat.config import Config
from bharat.contracts.cache import Cache
from bharat.contracts.errors import BharatError
from bharat.contracts.jobs import Jobs
from bharat.contracts.limits import Limits
from bharat.contracts.locks import Locks
from bharat.contracts.mail import Mail
from bharat.contracts.provider import Capability
from bharat.contracts.realtime import Realtime
from bharat.contracts.route import Route
from bharat.contracts.sessions import Sessions
from bharat.contracts.storage import Storage
from bharat.contracts.vectors import Embeddings, Vectors
from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions, parse_url
from bharat.data.fences import DatabaseFences
from bharat.data.migrations import Migrator
from bharat.data.schema import Schema
from bharat.integrations.routes import integration_routes
from bharat.integrations.service import Service
from bharat.integrations.vault import Vault
from bharat.plugins import Plugins, check_routes
from bharat.plugins.items import Owned
from bharat.records import Kit
from bharat.records.endpoints import kit_routes
from bharat.web.dispatch import Dispatcher, WebOptions, networks
from bharat.web.health import HealthWatch, public_parts
from bharat.web.keys import PlatformKey
from bharat.web.metrics import Metrics
from bharat.web.readiness import Readiness
from bharat.web.reference import reference_routes
from bharat.web.system import SystemFacts, system_routes
from bharat.web.welcome import welcome_facts, welcome_routes
from bharat.web.wsgi import falcon_app
from bharat.work.catalogue import Catalogue
from bharat.work.dead import gauges

log = logging.getLogger("bharat")

BUILTINS: tuple[tuple[str, object], ...] = (
    ("local", bharat.local),
    ("work", bharat.work),
    ("accounts", bharat.accounts),
    ("records", bharat.records),
    ("search", bharat.search),
    ("web", bharat.web),
    ("integrations", bharat.integrations),
)


def load_plugins(config: Config) -> Plugins:
    """The built-ins and the enabled plugins. Raises `ConfigError` or `PluginError`."""
    return Plugins.load(config, BUILTINS)


def schema_of(plugins: Plugins, records: sa.MetaData | None = None) -> Schema:
    """Every table of the core and the enabled plugins. `records` are the tables of their record types, where they are built already."""
    if records is None:
        records = Kit.metadata(plugins.record_types())
    schema = Schema()
    for line in plugins.migrations():
        schema.add(line, [table for table in records.tables.values() if table.info["plugin"] == line.plugin])
    return schema


def engine_options(config: Config) -> EngineOptions:
    """How the application connects."""
    database = config.database
    return EngineOptions(
        url=database.url.reveal(),
        pool_size=database.pool_size,
        statement_timeout=timedelta(seconds=database.statement_timeout),
        prepare=database.prepare,
    )


def migrator(config: Config, plugins: Plugins) -> Migrator:
    """A migrator that connects as the tables' owner and grants the application's role what it needs."""
    owner = config.database.migration_url
    url = (owner or config.database.url).reveal()
    role = parse_url(config.database.url.reveal()).username if owner else None
    return Migrator(schema_of(plugins), EngineOptions(url=url, pool_size=1), application_role=role)


class Bharat:
    """One process's application; implements `bharat.contracts.application.Application`."""

    storage: Storage
    sessions: Sessions
    locks: Locks
    cache: Cache
    limits: Limits
    realtime: Realtime
    jobs: Jobs
    vectors: Vectors
    embeddings: Embeddings
    mail: Mail

    def __init__(
        self, config: Config, plugins: Plugins, clock: OffsetClock | None = None, *, complete: bool = True
    ) -> None:
        """Not `complete`, it is the ground that providers are built on and no more: `provide` and `assemble` do the rest, for who
        has to know which of them fails."""
        self.config = config
        self.plugins = plugins
        self.clock = clock or OffsetClock()
        self._key = PlatformKey.of(config.secret_key.reveal() if config.secret_key else None, config.home)
        self.database = BharatDatabase(
            engine_options(config), self.clock, busy_timeout=timedelta(seconds=config.database.busy_timeout)
        )
        self.fences = DatabaseFences(self.database)
        self._tables = Kit.metadata(plugins.record_types())
        self.schema = schema_of(plugins, self._tables)
        self.readiness = Readiness(Migrator(self.schema, replace(engine_options(config), pool_size=1)), self.clock)
        self._built: list[Any] = []
        if not complete:
            return
        try:
            for capability in Capability:
                self.provide(capability)
            self.assemble()
        except BaseException:
            self.close()
            raise

    def provide(self, capability: Capability) -> Any:
        """Build the chosen provider of a capability; what it built is an attribute from then on."""
        chosen = self.plugins.chosen(capability)
        backend = chosen.provider.build(chosen.options, self)
        setattr(self, capability.value, backend)
        self._built.append(backend)
        return backend

    def assemble(self) -> None:
        """Put together what needs every capability, and tell the plugins."""
        config, plugins = self.config, self.plugins
        self.database.wake = lambda job_id, queue, at: self.jobs.wake(job_id, queue=queue, at=at)
        types = plugins.record_types()
        self.permissions = Permissions(
            {owned.item.plural: owned.item.access for owned in types},
            [owned.item for owned in plugins.permission_checks()],
        )
        self.records = Kit(
            types,
            self._tables,
            database=self.database,
            permissions=self.permissions,
            key=self.key("cursors"),
            # Each holds a connection until its end; the other requests need some too.
            imports=max(1, config.database.pool_size // 2),
            max_file_size=config.files.max_size,
        )
        previous = [PlatformKey(secret.reveal().encode()) for secret in config.previous_secrets]
        self.integrations = Service(plugins.integrations(), self.database, Vault([self._key, *previous]))
        self.accounts = Accounts(self, Policy.of(config), self.permissions)
        # What is wrong with a schedule or a job is said at the start of every process, not first in a worker's log.
        self.catalogue = Catalogue.declared(self.registry)
        plugins.startup(self)

    @property
    def home(self) -> Path:
        return self.config.home

    @property
    def public_url(self) -> str:
        return self.config.server.public_url

    def key(self, purpose: str) -> bytes:
        return self._key.derive(purpose)

    def settings(self, plugin: str) -> msgspec.Struct:
        return self.plugins.settings(plugin)

    @property
    def registry(self) -> Mapping[str, Any]:
        plugins = self.plugins
        return {
            "record_types": plugins.record_types(),
            "routes": self.routes(),
            "jobs": plugins.jobs(),
            "cron": plugins.cron(),
            "subscribers": plugins.subscribers(),
            "followers": bharat.search.followers(self, self.records),
            "checks": plugins.checks(),
            "delivery_channels": plugins.delivery_channels(),
            "integrations": plugins.integrations(),
        }

    def routes(self) -> Sequence[Owned[Route]]:
        """Every route with its owner: the plugins' own, and those of their record types and integrations."""
        return self._routes

    @cached_property
    def _routes(self) -> Sequence[Owned[Route]]:
        return (*self.plugins.routes(), *kit_routes(self.records), *integration_routes(self.integrations))

    def wsgi(self) -> falcon.App[Any, Any]:
        """The WSGI application, with the platform's own endpoints."""
        server = self.config.server
        metrics = Metrics()
        facts = SystemFacts(
            version=__version__,
            mode=self.plugins.label,
            public_url=server.public_url,
            not_ready=self.readiness.reasons,
            gauges=lambda: gauges(self.database),
            health=HealthWatch(public_parts(self, self.plugins), self.clock).look,
        )
        routes: list[Owned[Route]] = []

        def known() -> list[Route]:
            return [owned.item for owned in routes]

        welcome = welcome_facts(self.plugins, [name for name, _ in BUILTINS], __version__, server.public_url)
        system = [
            *system_routes(facts, metrics, known),
            *welcome_routes(welcome, known),
            *reference_routes(known, __version__, server.public_url),
        ]
        routes += [*(Owned("web", route) for route in system), *self.routes()]
        check_routes(routes)
        options = WebOptions(server.public_url, server.max_body, networks(server.trusted_proxies))
        dispatcher = Dispatcher(self, options, self.accounts.authenticator, self.permissions)
        return falcon_app(dispatcher, [owned.item for owned in routes], metrics)

    def close(self) -> None:
        """Close what was built, last first. Every part is closed, whatever the others do. Idempotent."""
        self.plugins.close(self)
        while self._built:
            backend = self._built.pop()
            try:
                close = getattr(backend, "close", None)
                if close is not None:
                    close()
            except Exception:  # the others are closed all the same
                log.exception("closing %s failed", type(backend).__name__)
        self.readiness.close()
        self.database.close()


@contextmanager
def build(config: Config, *, plugins: Plugins | None = None, clock: OffsetClock | None = None) -> Iterator[Bharat]:
    """The application of this process, closed at the end of the block."""
    app = Bharat(config, plugins or load_plugins(config), clock)
    try:
        yield app
    finally:
        app.close()


__all__ = ["Bharat", "BharatError", "build", "engine_options", "load_plugins", "migrator", "schema_of"]
