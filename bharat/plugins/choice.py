"""Choosing one provider per capability by name, and reading the options of every provider that was given some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bharat.config import Config, Row, decode
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import AnyProvider, Capability, NoOptions
from bharat.contracts.spelling import nearest
from bharat.plugins.items import Contribution, Owned
from bharat.plugins.rules import check_unique

IDLE = " Installed and not enabled: "
"""Where the hint begins that ends the message of a `ProviderMissing`."""


class ProviderMissing(ConfigError):
    """The configuration chooses a provider that no enabled plugin offers."""


class LeftOver(ConfigError):
    """The configuration holds a table for a provider or plugin that isn't there."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The provider of a capability, its validated options, and the plugin that offers it. Nothing is built yet."""

    capability: Capability
    provider: AnyProvider
    options: msgspec.Struct
    plugin: str


def choose(
    config: Config, capability: Capability, offers: Sequence[Owned[AnyProvider]], idle: Sequence[str]
) -> tuple[Chosen, list[Row]]:
    """Pick by name and read the options. `idle` are plugins installed and not enabled, for the hint."""
    check_unique(offers, lambda offer: offer.name, f"{capability} provider")
    choice = config.choice(capability)
    by_name = {owned.item.name: owned for owned in offers}
    if choice.provider not in by_name:
        there = ", ".join(f"{owned.item.name} (plugin {owned.plugin})" for owned in offers) or "none"
        near = nearest(choice.provider, by_name)
        hint = f" Did you mean {near!r}?" if near else ""
        if idle:
            hint += f"{IDLE}{', '.join(idle)}; perhaps one of them must be added to `plugins`."
        raise ProviderMissing(
            f"{choice.source}: {capability}.provider is {choice.provider!r}, which no enabled plugin offers; "
            f"available: {there}.{hint}"
        )
    rows = [Row(f"{capability}.provider", choice.provider, choice.source)]
    for name, raws in choice.options.items():
        if name not in by_name:
            source = next((raw.source for raw in raws.values()), "bharat.toml")
            near = nearest(name, by_name)
            hint = f"did you mean [{capability}.{near}]?" if near else "remove it, or enable the plugin that offers it"
            raise LeftOver(
                f"{source}: [{capability}.{name}] configures a provider that no enabled plugin offers "
                f"(available: {', '.join(by_name) or 'none'}); {hint}"
            )
        if name != choice.provider:
            rows += _unchosen(config, capability, by_name[name].item)
    owned = by_name[choice.provider]
    decoded = decode(
        owned.item.options, choice.options.get(choice.provider, {}), config.environ, capability.value, choice.provider
    )
    assert decoded.value is not None  # complete
    rows += decoded.rows
    return Chosen(capability, owned.item, decoded.value, owned.plugin), rows


def read_settings(
    config: Config, contributions: Sequence[Contribution]
) -> tuple[Mapping[str, msgspec.Struct], list[Row]]:
    """The settings of every plugin by its name, as the type it declares; `NoOptions` for one that declares none."""
    names = [item.plugin for item in contributions]
    for name, raws in config.plugin_settings.items():
        if name not in names:
            source = next((raw.source for raw in raws.values()), "bharat.toml")
            near = nearest(name, names)
            hint = f"did you mean [plugin.{near}]?" if near else "remove it, or add the plugin to `plugins`"
            raise LeftOver(f"{source}: [plugin.{name}] configures a plugin that is not enabled; {hint}")
    settings: dict[str, msgspec.Struct] = {}
    rows: list[Row] = []
    for item in contributions:
        raws = config.plugin_settings.get(item.plugin, {})
        decoded = decode(item.settings or NoOptions, raws, config.environ, "plugin", item.plugin)
        assert decoded.value is not None  # complete
        settings[item.plugin] = decoded.value
        rows += decoded.rows
    return settings, rows


def _unchosen(config: Config, capability: Capability, provider: AnyProvider) -> list[Row]:
    raws = config.choice(capability).options[provider.name]
    decoded = decode(provider.options, raws, config.environ, capability.value, provider.name, complete=False)
    given = {f"{capability}.{provider.name}.{key}": raw.source for key, raw in raws.items()}
    if decoded.value is None:
        return [Row(key, "(set)", source) for key, source in given.items()]
    return [row for row in decoded.rows if row.key in given]
