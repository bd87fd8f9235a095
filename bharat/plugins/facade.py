"""The enabled plugins of one application, loaded, checked and asked once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import msgspec

from bharat.config import Config, Row
from bharat.contracts.check import Check
from bharat.contracts.delivery import DeliveryChannel
from bharat.contracts.errors import ConfigError, PluginError
from bharat.contracts.integrations import Integration
from bharat.contracts.migration import Migrations
from bharat.contracts.permission import PermissionCheck
from bharat.contracts.provider import AnyProvider, Capability
from bharat.contracts.records import RecordType
from bharat.contracts.route import Route
from bharat.contracts.work import CronEntry, JobSpec, Subscriber
from bharat.plugins import rules
from bharat.plugins.choice import Chosen, choose, read_settings
from bharat.plugins.discovery import find, import_plugin, installed
from bharat.plugins.hooks import Hooks
from bharat.plugins.items import CAPABILITY_HOOKS, Contribution, Owned, collect, collect_commands

if TYPE_CHECKING:
    import click

    from bharat.contracts.application import Application

ItemT = TypeVar("ItemT")
log = logging.getLogger("bharat.plugins")


class Plugins:
    """Every enabled plugin, built-ins first, then in the order of the configuration. Made by `Plugins.load`."""

    label: str
    """How this Bharat runs, for people: `single node` or `cluster`."""
    worker_in_process: bool
    """Whether the server also runs a worker: as configured, else only on a single node."""

    def __init__(
        self, config: Config, hooks: Hooks, contributions: Sequence[Contribution], idle: Sequence[str]
    ) -> None:
        self._hooks = hooks
        self._contributions = tuple(contributions)
        self._enabled = frozenset(config.plugins)  # the others are built in
        self._started: list[str] = []
        self._check()
        self._chosen: dict[Capability, Chosen] = {}
        rows: list[Row] = list(config.rows)
        for capability in Capability:
            self._chosen[capability], more = choose(config, capability, self.providers(capability), idle)
            rows += more
        self._settings, more = read_settings(config, self._contributions)
        self._rows = (*rows, *more)
        self._hold_to_mode(config)

    @classmethod
    def load(cls, config: Config, builtins: Sequence[tuple[str, object]]) -> Plugins:
        """Load `builtins`, then the plugins that the configuration names; others are not imported.

        Raises `PluginError` or `ConfigError` with one message that names what is wrong and the remedy."""
        found = installed()
        hooks = Hooks()
        contributions = []
        for name, plugin in builtins:
            hooks.register(name, plugin)
            contributions.append(collect(hooks, name))
        for name in enabled(config, [name for name, _ in builtins]):
            hooks.register(name, import_plugin(find(name, found)))
            contributions.append(collect(hooks, name))
        return cls(config, hooks, contributions, [name for name in found if name not in config.plugins])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.plugin for item in self._contributions)

    def providers(self, capability: Capability) -> tuple[Owned[AnyProvider], ...]:
        """Every offer for a capability."""
        return tuple(
            Owned(item.plugin, offer) for item in self._contributions for offer in item.providers.get(capability, ())
        )

    def chosen(self, capability: Capability) -> Chosen:
        """The provider that the configuration picked."""
        return self._chosen[capability]

    def unused(self) -> Mapping[str, tuple[tuple[Capability, str], ...]]:
        """The enabled plugins that do nothing: they offer providers and nothing else, and none of those is chosen. With each, what
        it offers, a capability and the provider's name; nothing for a plugin that implements no hook."""
        idle = {*CAPABILITY_HOOKS.values(), "bharat_settings"}
        found = {}
        for item in self._contributions:
            if item.plugin not in self._enabled:
                continue
            offers = [(capability, offer) for capability, given in item.providers.items() for offer in given]
            if any(self._chosen[capability].provider is offer for capability, offer in offers):
                continue
            if set(self._hooks.used_by(item.plugin)) <= idle:
                found[item.plugin] = tuple((capability, offer.name) for capability, offer in offers)
        return found

    def record_types(self) -> tuple[Owned[RecordType], ...]:
        return self._all(lambda item: item.record_types)

    def routes(self) -> tuple[Owned[Route], ...]:
        return self._all(lambda item: item.routes)

    def jobs(self) -> tuple[Owned[JobSpec], ...]:
        return self._all(lambda item: item.jobs)

    def cron(self) -> tuple[Owned[CronEntry], ...]:
        return self._all(lambda item: item.cron)

    def subscribers(self) -> tuple[Owned[Subscriber], ...]:
        return self._all(lambda item: item.subscribers)

    def checks(self) -> tuple[Owned[Check], ...]:
        return self._all(lambda item: item.checks)

    def permission_checks(self) -> tuple[Owned[PermissionCheck], ...]:
        return self._all(lambda item: item.permission_checks)

    def delivery_channels(self) -> tuple[Owned[DeliveryChannel], ...]:
        return self._all(lambda item: item.delivery_channels)

    def integrations(self) -> tuple[Owned[Integration], ...]:
        return self._all(lambda item: item.integrations)

    def commands(self) -> tuple[Owned[click.Command], ...]:
        """Plugins' subcommands of `bharat`, asked for now. Raises `PluginError` for two of one name."""
        found = [Owned(name, command) for name in self.names for command in collect_commands(self._hooks, name)]
        rules.check_unique(found, lambda command: command.name, "command")
        return tuple(found)

    def migrations(self) -> tuple[Migrations, ...]:
        """In the order of the plugins, each after those whose tables it refers to."""
        return rules.in_order([item.migrations for item in self._contributions if item.migrations is not None])

    def settings(self, plugin: str) -> msgspec.Struct:
        """The validated settings of an enabled plugin. Raises `PluginError` for another name."""
        try:
            return self._settings[plugin]
        except KeyError:
            raise PluginError(f"plugin {plugin!r} is not enabled; enabled: {', '.join(self.names)}") from None

    def owner_of(self, record_type: str) -> str:
        """The plugin that declares a record type. Raises `PluginError` when none does."""
        for owned in self.record_types():
            if owned.item.name == record_type:
                return owned.plugin
        raise PluginError(f"no enabled plugin declares the record type {record_type!r}")

    def describe_settings(self) -> tuple[Row, ...]:
        """Every key of the configuration, those of providers and plugins too, with value and source; secrets masked."""
        return self._rows

    def fill_demo(self, app: Application, organisation_id: UUID, admin_id: UUID) -> None:
        """Let each plugin, in order, add its sample records to a new demo organisation. Raises `PluginError` when one fails."""
        for name in self.names:
            self._hooks.call(name, "bharat_demo", app=app, organisation_id=organisation_id, admin_id=admin_id)

    def startup(self, app: Application) -> None:
        """Tell each plugin, in order. When one fails, the error is raised and `close` reaches those that had started."""
        for name in self.names:
            self._hooks.call(name, "bharat_startup", app=app)
            self._started.append(name)

    def close(self, app: Application) -> None:
        """Tell each plugin that had started, in reverse order. Every one is told; an error is logged. Idempotent."""
        while self._started:
            name = self._started.pop()
            try:
                self._hooks.call(name, "bharat_close", app=app)
            except PluginError as error:
                log.error("%s", error, exc_info=error.__cause__)

    def _all(self, part: Callable[[Contribution], tuple[ItemT, ...]]) -> tuple[Owned[ItemT], ...]:
        return tuple(Owned(item.plugin, found) for item in self._contributions for found in part(item))

    def _check(self) -> None:
        rules.check_record_types(self.record_types())
        rules.check_routes(self.routes())
        rules.check_work(self.jobs(), self.cron())
        rules.check_unique(self.subscribers(), lambda item: item.name, "subscriber")
        rules.check_health_checks(self.checks())
        rules.check_unique(self.permission_checks(), lambda item: item.name, "permission check")
        rules.check_unique(self.delivery_channels(), lambda item: item.name, "delivery channel")
        rules.check_unique(self.integrations(), lambda item: item.name, "integration")
        self.migrations()

    def _hold_to_mode(self, config: Config) -> None:
        """The only place where the mode is read: it decides what may be configured, never how anything behaves."""
        cluster = config.mode == "cluster"
        self.label = "cluster" if cluster else "single node"
        configured = config.worker.in_process
        self.worker_in_process = configured if configured is not None else not cluster
        if not cluster:
            return
        if config.database.dialect == "sqlite":
            raise ConfigError(
                'mode = "cluster" needs a database that all nodes reach, and SQLite is a file on one: '
                "set DATABASE_URL to a postgresql:// URL"
            )
        if config.secret_key is None:
            raise ConfigError(
                'mode = "cluster" needs a secret_key that is the same on every node: set BHARAT_SECRET_KEY, made with '
                "`python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        for chosen in self._chosen.values():
            if not chosen.provider.shared:
                others = [o.item.name for o in self.providers(chosen.capability) if o.item.shared]
                remedy = f"choose {' or '.join(others)}" if others else "enable a plugin with a shared one"
                raise ConfigError(
                    f'mode = "cluster" needs providers that all nodes share, and {chosen.capability}.provider = '
                    f'"{chosen.provider.name}" ({config.choice(chosen.capability).source}) is for one node; {remedy}'
                )


def enabled(config: Config, builtins: Iterable[str]) -> tuple[str, ...]:
    """The names in `plugins`. Raises `ConfigError` for one that stands there twice or is built in."""
    source = config.sources.get("plugins", "the configuration")
    for name in config.plugins:
        if config.plugins.count(name) > 1:
            raise ConfigError(f"{source}: `plugins` names {name!r} more than once; remove the repetition")
        if name in builtins:
            raise ConfigError(f"{source}: `plugins` names {name!r}, which is built in and always there; remove it")
    return config.plugins
