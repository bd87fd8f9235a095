"""Every option that anything installed here declares, found by the entry points: the core's, the embedded providers', plugins'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from bharat.app import BUILTINS
from bharat.config import Config, Setting, as_toml, settings_of
from bharat.config.load import SECTIONS, TOP
from bharat.config.sources import environment_name
from bharat.contracts.provider import Capability
from bharat.plugins import installed
from bharat.plugins.discovery import find, import_plugin
from bharat.plugins.hooks import Hooks
from bharat.plugins.items import Contribution, collect


@dataclass(frozen=True)
class Section:
    """A table of the configuration; `name` is empty for the top level. `plugin` is empty for what is always there. `around` are the
    lines that the section needs to be read: above it and below it."""

    name: tuple[str, ...]
    settings: tuple[Setting, ...]
    plugin: str = ""
    declared_in: str = ""
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return ".".join(self.name) or "the top level"

    def toml(self, lines: Mapping[str, str]) -> str:
        """A configuration with these keys in the section, which starts what they belong to."""
        head = [f"[{'.'.join(self.name)}]"] if self.name else []
        written = [f"{key} = {value}" for key, value in lines.items()]
        return "\n".join([*self.above, *head, *written, *self.below]) + "\n"

    def examples(self, *, required: bool = False) -> dict[str, str]:
        """The examples of its keys as TOML, or of those that are required."""
        wanted = [one for one in self.settings if one.example is not None and (one.required or not required)]
        return {one.name: as_toml(one.example) for one in wanted}


@dataclass(frozen=True)
class Option:
    """One key of a section."""

    section: Section
    setting: Setting
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", ".".join((*self.section.name, self.setting.name)))

    @property
    def variable(self) -> str:
        return environment_name(*self.section.name, self.setting.name)

    def toml(self, value: str) -> str:
        return self.section.toml({**self.section.examples(required=True), self.setting.name: value})


def sections() -> list[Section]:
    """Every section, whoever declares it."""
    top = tuple(setting for setting in settings_of(Config) if setting.name in TOP)
    found = [Section((), top, declared_in="bharat.config.sections.Config")]
    found += [_section((name,), struct) for name, struct in SECTIONS.items()]
    for name, plugin in [*BUILTINS, *((name, None) for name in installed())]:
        hooks = Hooks()
        hooks.register(name, import_plugin(find(name, installed())) if plugin is None else plugin)
        found += _of(collect(hooks, name), "" if plugin is not None else name)
    return found


def options() -> list[Option]:
    return [Option(section, setting) for section in sections() for setting in section.settings]


def lacks_example(option: Option) -> str:
    """What to add to an option whose example or description is missing; empty when nothing is."""
    setting, struct = option.setting, option.section.declared_in
    if not setting.description:
        return f'{option.key}: write msgspec.Meta(description="…") beside {setting.name} in {struct}'
    if setting.example is None:
        return (
            f"{option.key}: it has no default that shows what to write: add msgspec.Meta(examples=[…]) beside "
            f"{setting.name} in {struct}"
        )
    return ""


def _of(contribution: Contribution, plugin: str) -> Iterator[Section]:
    enabled = (f'plugins = ["{plugin}"]',) if plugin else ()
    needed: tuple[str, ...] = ()
    if contribution.settings is not None:
        own = _section(("plugin", contribution.plugin), contribution.settings, plugin, above=enabled)
        yield own
        if required := own.examples(required=True):
            needed = (f"[plugin.{plugin}]", *(f"{key} = {value}" for key, value in required.items()))
    for capability, offers in contribution.providers.items():
        for offer in offers:
            chosen = (f"[{capability}]", f'provider = "{offer.name}"', *needed)
            yield _section((Capability(capability).value, offer.name), offer.options, plugin, enabled, chosen)


def _section(
    name: tuple[str, ...],
    struct: type[msgspec.Struct],
    plugin: str = "",
    above: tuple[str, ...] = (),
    below: tuple[str, ...] = (),
) -> Section:
    return Section(name, settings_of(struct), plugin, f"{struct.__module__}.{struct.__qualname__}", above, below)
