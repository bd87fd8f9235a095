"""What one plugin hands over, collected once and checked for its types: pluggy and mypy check neither."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from bharat.contracts.check import Check
from bharat.contracts.delivery import DeliveryChannel
from bharat.contracts.errors import PluginError
from bharat.contracts.integrations import Integration
from bharat.contracts.migration import Migrations
from bharat.contracts.permission import PermissionCheck
from bharat.contracts.provider import AnyProvider, Capability, Provider
from bharat.contracts.records import RecordType
from bharat.contracts.route import Route
from bharat.contracts.work import CronEntry, JobSpec, Subscriber
from bharat.plugins.hooks import Hooks

if TYPE_CHECKING:
    import click

ItemT = TypeVar("ItemT", covariant=True)
KindT = TypeVar("KindT")

CAPABILITY_HOOKS: Mapping[Capability, str] = {
    capability: "bharat_queue" if capability is Capability.JOBS else f"bharat_{capability}" for capability in Capability
}


@dataclass(frozen=True, slots=True)
class Owned(Generic[ItemT]):
    """Something declared, and the name of the plugin that declared it."""

    plugin: str
    item: ItemT


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Everything that one plugin declares. `settings` is `None` when it has none."""

    plugin: str
    providers: Mapping[Capability, tuple[AnyProvider, ...]] = field(default_factory=dict)
    settings: type[msgspec.Struct] | None = None
    record_types: tuple[RecordType, ...] = ()
    routes: tuple[Route, ...] = ()
    jobs: tuple[JobSpec, ...] = ()
    cron: tuple[CronEntry, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()
    checks: tuple[Check, ...] = ()
    permission_checks: tuple[PermissionCheck, ...] = ()
    delivery_channels: tuple[DeliveryChannel, ...] = ()
    integrations: tuple[Integration, ...] = ()
    migrations: Migrations | None = None


def collect(hooks: Hooks, name: str) -> Contribution:
    """Ask a registered plugin for all that it declares. Raises `PluginError` for a result of a wrong type."""
    providers = {capability: _sequence(hooks, name, hook, Provider) for capability, hook in CAPABILITY_HOOKS.items()}
    for capability, offers in providers.items():
        for offer in offers:
            _check_options(name, f"provider {offer.name!r} of {capability}", offer.options)
    record_types = _sequence(hooks, name, "bharat_record_types", RecordType)
    integrations = _sequence(hooks, name, "bharat_integrations", Integration)
    for integration in integrations:
        _check_options(name, f"the integration {integration.name!r}", integration.settings)
    return Contribution(
        plugin=name,
        providers=providers,
        settings=_settings(hooks, name),
        record_types=record_types,
        routes=_sequence(hooks, name, "bharat_routes", Route),
        jobs=_sequence(hooks, name, "bharat_jobs", JobSpec),
        cron=_sequence(hooks, name, "bharat_cron", CronEntry),
        subscribers=_sequence(hooks, name, "bharat_subscribers", Subscriber),
        checks=_sequence(hooks, name, "bharat_checks", Check),
        permission_checks=_sequence(hooks, name, "bharat_permission_checks", PermissionCheck),
        delivery_channels=_sequence(hooks, name, "bharat_delivery_channels", DeliveryChannel),
        integrations=integrations,
        migrations=_migrations(hooks, name, needed=bool(record_types)),
    )


def collect_commands(hooks: Hooks, name: str) -> tuple[click.Command, ...]:
    """The plugin's subcommands of `bharat`; asked for only by the command line."""
    import click

    return _sequence(hooks, name, "bharat_commands", click.Command)


def _sequence(hooks: Hooks, name: str, hook: str, kind: type[KindT]) -> tuple[KindT, ...]:
    result = hooks.call(name, hook)
    if result is None:
        return ()
    if not isinstance(result, Sequence) or isinstance(result, str | bytes):
        raise PluginError(
            f"plugin {name!r}: {hook} returned {_a(result)} where a list or tuple of {kind.__name__} is expected"
        )
    for number, item in enumerate(result, 1):
        if not isinstance(item, kind):
            raise PluginError(
                f"plugin {name!r}: {hook} returned {_a(item)} as item {number} where {_an(kind.__name__)} is expected"
            )
    return tuple(result)


def _settings(hooks: Hooks, name: str) -> type[msgspec.Struct] | None:
    result: Any = hooks.call(name, "bharat_settings")
    if result is None:
        return None
    if not (isinstance(result, type) and issubclass(result, msgspec.Struct)):
        raise PluginError(
            f"plugin {name!r}: bharat_settings returned {_a(result)} where a msgspec Struct class is expected"
        )
    _check_options(name, "its settings", result)
    return result


def _check_options(name: str, what: str, struct: object) -> None:
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        raise PluginError(
            f"plugin {name!r}: the options of {what} are {_a(struct)} where a msgspec Struct class is expected"
        )
    if not (struct.__struct_config__.forbid_unknown_fields and struct.__struct_config__.frozen):
        raise PluginError(
            f"plugin {name!r}: {struct.__name__} of {what} must be declared with frozen=True and forbid_unknown_fields=True"
        )


def _migrations(hooks: Hooks, name: str, *, needed: bool) -> Migrations | None:
    result: Any = hooks.call(name, "bharat_migrations")
    if result is None:
        folder = _folder_of(hooks.plugin(name)) if needed else None
        return Migrations(plugin=name, folder=folder, metadata=sa.MetaData()) if folder else None
    if not isinstance(result, Migrations):
        raise PluginError(f"plugin {name!r}: bharat_migrations returned {_a(result)} where Migrations is expected")
    if result.plugin != name:
        raise PluginError(f"plugin {name!r}: bharat_migrations names the plugin {result.plugin!r}; name {name!r} there")
    return result


def _folder_of(plugin: object) -> Path:
    module = plugin if hasattr(plugin, "__file__") else sys.modules.get(type(plugin).__module__)
    file = getattr(module, "__file__", None)
    if not file:
        raise PluginError(
            f"plugin {plugin!r} adds record types and lies in no file; say where its migrations are with bharat_migrations"
        )
    return Path(file).resolve().parent / "migrations"


def _a(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else _an(type(value).__name__)


def _an(word: str) -> str:
    return f"{'an' if word[0] in 'aeiouAEIOU' else 'a'} {word}"
