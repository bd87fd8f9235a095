"""Write the parts of the documentation that follow from the code: `make docs`. A test fails when a page is out of date.

A generated part lies between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything around it is written by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click

from bharat.app import BUILTINS
from bharat.cli import COMMANDS
from bharat.config import Config, as_toml, settings_of
from bharat.config.load import SECTIONS, TOP
from bharat.config.sources import environment_name
from bharat.contracts.provider import Capability
from bharat.plugins import OptionReport, PluginReport, Plugins, report_option, survey

ROOT = Path(__file__).resolve().parents[1]
Row = Sequence[str]


def plugin_names() -> list[str]:
    """The plugins of this repository, by the names of their folders."""
    return sorted(path.parent.name for path in ROOT.glob("plugins/*/setup.cfg"))


def table(header: Row, rows: Iterable[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in line) + " |" for line in lines
    )


def commands() -> str:
    """Every command of Bharat, then those of its plugins."""
    parts = [_command(command, f"bharat {command.name}") for command in COMMANDS]
    for name in plugin_names():
        plugins = Plugins.load(Config(plugins=(name,)), BUILTINS)
        for owned in plugins.commands():
            text = _command(owned.item, f"bharat {owned.item.name}")
            parts.append(text.replace("\n\n", f"\n\nFrom the plugin `{name}`.\n\n", 1))
    return "\n\n".join(parts)


def _command(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"## `{path}`", f"    {path} {usage}".rstrip()]
    if command.help:
        parts.append(_paragraphs(command.help))
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if options:
        rows = [(f"`{_names(option, context)}`", _meaning(option)) for option in options]
        parts.append(table(("option", "meaning"), rows))
    if isinstance(command, click.Group):
        parts += [
            _command(child, f"{path} {name}") for name, child in sorted(command.commands.items()) if not child.hidden
        ]
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\b", "").strip()))


def _names(option: click.Option, context: click.Context) -> str:
    written = option.make_metavar(context) if not option.is_flag and not option.count else ""
    return " ".join(filter(None, [", ".join([*option.opts, *option.secondary_opts]), written]))


def _meaning(option: click.Option) -> str:
    text = option.help or ""
    if option.show_default and option.default is not None:
        text += f" Default: `{option.default}`."
    return text


def configuration() -> str:
    """Every key of the core, by section, and of the embedded providers."""
    top = [setting for setting in settings_of(Config) if setting.name in TOP]
    parts = ["### The top level", _keys((), [report_option(setting) for setting in top])]
    for name, struct in SECTIONS.items():
        parts += [f"### `[{name}]`", _keys((name,), [report_option(setting) for setting in settings_of(struct)])]
    chosen = [
        (f"`{capability}.provider`", f"`{environment_name(capability, 'provider')}`", f"`{default}`", ", ".join(offers))
        for capability, default, offers in _offers()
    ]
    choosing = [f"{capability}.provider = {as_toml(default)}" for capability, default, _ in _offers()]
    parts += ["### The capabilities", table(("key", "variable", "default", "built in"), chosen), _toml(choosing)]
    for report in _reports(()):
        parts += _of_plugin(report)
    return "\n\n".join(parts)


def plugin_configuration() -> str:
    """Every key of the plugins in this repository."""
    parts: list[str] = []
    for name in plugin_names():
        report = next(one for one in _reports((name,)) if one.name == name)
        parts += [f"### The plugin `{name}`", *(_of_plugin(report) or ["It has no keys."])]
    return "\n\n".join(parts)


def _of_plugin(report: PluginReport) -> list[str]:
    parts: list[str] = []
    if report.settings:
        parts += [f"#### `[plugin.{report.name}]`", _keys(("plugin", report.name), report.settings)]
    for provider in report.providers:
        if provider.options:
            section = (provider.capability, provider.name)
            parts += [f"#### `[{'.'.join(section)}]`", f"{provider.summary}.", _keys(section, provider.options)]
    return parts


def _reports(enabled: tuple[str, ...]) -> tuple[PluginReport, ...]:
    reports, _ = survey(Config(plugins=enabled), BUILTINS)
    return tuple(report for report in reports if report.builtin or report.enabled)


def _offers() -> list[tuple[str, str, list[str]]]:
    plugins = Plugins.load(Config(), BUILTINS)
    return [
        (
            str(capability),
            plugins.chosen(capability).provider.name,
            [f"`{owned.item.name}`" for owned in plugins.providers(capability)],
        )
        for capability in Capability
    ]


def _keys(section: tuple[str, ...], options: Sequence[OptionReport]) -> str:
    """A table of the keys of one section, and below it the section as `bharat.toml` may have it."""
    rows = []
    for option in options:
        variables = [environment_name(*section, option.name), *option.env]
        default = "required" if option.required else f"`{option.default}`" if option.default else "none"
        meaning = option.description + ("; secret" if option.secret else "")
        values = ", ".join(filter(None, (option.type, option.range)))
        rows.append((f"`{option.name}`", values, default, ", ".join(f"`{name}`" for name in variables), meaning))
    header = [f"[{'.'.join(section)}]"] if section else []
    lines = [*header, *(f"{option.name} = {option.example}" for option in options if option.example)]
    return f"{table(('key', 'values', 'default', 'variables', 'meaning'), rows)}\n\n{_toml(lines)}"


def _toml(lines: Iterable[str]) -> str:
    return "\n".join(["```toml", *lines, "```"])


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/commands.md": {"commands": commands},
    "docs/options.md": {"configuration": configuration, "plugins": plugin_configuration},
}


def updated(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The page with its generated parts made anew. Raises `ValueError` when a marker is missing."""
    for name, make in parts.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"the page has no {begin} … {end}")
        text = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return text


def main() -> int:
    """Write every page that has changed; the exit code."""
    for name, parts in PARTS.items():
        page = ROOT / name
        old = page.read_text(encoding="utf-8")
        new = updated(old, parts)
        if new != old:
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
