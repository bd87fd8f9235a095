"""What `bharat plugins` shows: every plugin, also one that is broken, which is told rather than raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bharat.config import Config, Setting, as_toml, settings_of, shown
from bharat.contracts.errors import BharatError
from bharat.contracts.provider import AnyProvider, Capability
from bharat.plugins.discovery import Available, find, import_plugin, installed
from bharat.plugins.facade import Plugins
from bharat.plugins.hooks import Hooks
from bharat.plugins.items import Contribution, collect, collect_commands


class OptionReport(msgspec.Struct, frozen=True):
    """A key that may be set. `default` is shown as text, empty when there is none; `example` is written as in `bharat.toml`, empty
    when neither the option nor its default gives one. `range` says which values it takes; empty: all of its type."""

    name: str
    type: str
    required: bool
    default: str
    secret: bool
    env: tuple[str, ...]
    description: str
    range: str = ""
    example: str = ""


class ProviderReport(msgspec.Struct, frozen=True):
    capability: str
    name: str
    chosen: bool
    shared: bool
    summary: str
    options: tuple[OptionReport, ...]


class PluginReport(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin. `order` is its place among the enabled ones, built-ins first, from 1. `inspected` is false when it is not
    enabled and was not asked for by name: then it was not imported, and what it adds is unknown. `adds` are names by kind."""

    name: str
    enabled: bool
    builtin: bool = False
    order: int | None = None
    distribution: str = ""
    version: str = ""
    inspected: bool = False
    problem: str = ""
    hooks: tuple[str, ...] = ()
    providers: tuple[ProviderReport, ...] = ()
    settings: tuple[OptionReport, ...] = ()
    adds: Mapping[str, tuple[str, ...]] = {}


_KINDS: Mapping[str, Callable[[Contribution], Iterable[str]]] = {
    "record types": lambda item: (one.name for one in item.record_types),
    "routes": lambda item: (f"{one.method} {one.path}" for one in item.routes),
    "jobs": lambda item: (one.kind for one in item.jobs),
    "cron entries": lambda item: (one.name for one in item.cron),
    "subscribers": lambda item: (one.name for one in item.subscribers),
    "checks": lambda item: (one.name for one in item.checks),
    "permission checks": lambda item: (one.name for one in item.permission_checks),
    "delivery channels": lambda item: (one.name for one in item.delivery_channels),
    "integrations": lambda item: (one.name for one in item.integrations),
}


def survey(
    config: Config, builtins: Sequence[tuple[str, object]], *, only: str | None = None
) -> tuple[tuple[PluginReport, ...], str]:
    """Every plugin, enabled ones in their order, then the other installed ones; and what stops Bharat from starting with
    this configuration, or an empty text. A plugin that is not enabled is imported only when `only` names it."""
    found = installed()
    reports: list[PluginReport] = []
    for name, plugin in builtins:
        reports.append(_inspect(config, name, plugin, PluginReport(name=name, enabled=True, builtin=True)))
    for name in dict.fromkeys(config.plugins):
        reports.append(_load(config, name, found, enabled=True))
    reports = [msgspec.structs.replace(report, order=place) for place, report in enumerate(reports, 1)]
    for name, offers in found.items():
        if name not in config.plugins:
            if name == only:
                reports.append(_load(config, name, found, enabled=False))
            else:
                reports.append(_outside(name, offers, enabled=False))
    try:
        Plugins.load(config, builtins)
    except BharatError as error:
        return tuple(reports), str(error)
    return tuple(reports), ""


def _load(config: Config, name: str, found: Mapping[str, tuple[Available, ...]], *, enabled: bool) -> PluginReport:
    report = _outside(name, found.get(name, ()), enabled=enabled)
    try:
        plugin = import_plugin(find(name, found))
    except BharatError as error:
        return msgspec.structs.replace(report, inspected=True, problem=str(error))
    return _inspect(config, name, plugin, report)


def _outside(name: str, offers: Sequence[Available], *, enabled: bool) -> PluginReport:
    return PluginReport(
        name=name,
        enabled=enabled,
        distribution=", ".join(offer.distribution for offer in offers),
        version=", ".join(offer.version for offer in offers),
    )


def _inspect(config: Config, name: str, plugin: object, report: PluginReport) -> PluginReport:
    hooks = Hooks()
    report = msgspec.structs.replace(report, inspected=True)
    try:
        hooks.register(name, plugin)
        report = msgspec.structs.replace(report, hooks=hooks.used_by(name))
        item = collect(hooks, name)
        commands = tuple(command.name or "" for command in collect_commands(hooks, name))
    except BharatError as error:
        return msgspec.structs.replace(report, problem=str(error))
    adds = {kind: tuple(names(item)) for kind, names in _KINDS.items()} | {"commands": commands}
    return msgspec.structs.replace(
        report,
        providers=tuple(
            _provider(config, capability, offer, enabled=report.enabled)
            for capability, offers in item.providers.items()
            for offer in offers
        ),
        settings=_options(item.settings) if item.settings else (),
        adds={kind: names for kind, names in adds.items() if names},
    )


def _provider(config: Config, capability: Capability, offer: AnyProvider, *, enabled: bool) -> ProviderReport:
    chosen = enabled and config.choice(capability).provider == offer.name
    return ProviderReport(capability.value, offer.name, chosen, offer.shared, offer.summary, _options(offer.options))


def report_option(setting: Setting) -> OptionReport:
    """A setting as it is shown."""
    return OptionReport(
        setting.name,
        setting.type_label,
        setting.required,
        "" if setting.required else shown(setting.default, secret=setting.secret),
        setting.secret,
        setting.env,
        setting.description,
        setting.range,
        "" if setting.example is None else as_toml(setting.example),
    )


def _options(struct: type[msgspec.Struct]) -> tuple[OptionReport, ...]:
    return tuple(report_option(setting) for setting in settings_of(struct))
