"""`bharat plugins`: what is installed and enabled, what each plugin offers; enabling and disabling one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bharat.cli.base import Runtime, Summaries, pass_runtime, show_json, show_table
from bharat.config import find_file, load
from bharat.config.edit import add_plugin, read_file, remove_plugin, replace_file
from bharat.contracts.errors import BharatError, ConfigError, PluginError
from bharat.contracts.spelling import nearest
from bharat.plugins import LeftOver, OptionReport, PluginReport, Plugins, ProviderMissing, installed, survey
from bharat.plugins.choice import IDLE
from bharat.plugins.discovery import remedy_for_missing

WIDTH = 100
"""Columns of the list."""


class _Named(Summaries):
    """`bharat plugins NAME` shows a plugin, whatever its name but `enable` and `disable`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            return "show", _show, args
        return super().resolve_command(ctx, args)


@click.group(cls=_Named, invoke_without_command=True, subcommand_metavar="[NAME | enable NAME | disable NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def plugins(ctx: click.Context, *, as_json: bool) -> None:
    """List the plugins, show one by NAME, or enable or disable one.

    A broken plugin is listed with what is wrong. One that is not enabled is imported only when you name it."""
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(Runtime), as_json)


def _list(runtime: Runtime, as_json: bool) -> None:
    reports, problem = survey(runtime.config, runtime.builtins)
    if as_json:
        show_json({"plugins": reports, "problem": problem})
        return
    rows = []
    for report in reports:
        offers = ", ".join(f"{p.capability}:{p.name}{'*' if p.chosen else ''}" for p in report.providers)
        adds = ", ".join(_counted(kind, len(names)) for kind, names in report.adds.items())
        about = report.problem or "; ".join(part for part in (offers, adds) if part)
        rows.append((str(report.order or ""), report.name, _state(report), report.version, about))
    show_table(("", "PLUGIN", "STATE", "VERSION", "OFFERS (* chosen)"), rows, width=WIDTH)
    if problem:
        click.echo(f"bharat: warning: Bharat would not start with this: {problem}", err=True)


def _counted(kind: str, number: int) -> str:
    """`2 cron entries`, `1 cron entry`."""
    one = kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s")
    return f"{number} {one if number == 1 else kind}"


@click.command("show", hidden=True)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def _show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    runtime = ctx.ensure_object(Runtime)
    as_json = as_json or bool(ctx.parent and ctx.parent.params.get("as_json"))
    reports, _ = survey(runtime.config, runtime.builtins, only=name)
    report = next((one for one in reports if one.name == name), None)
    if report is None:
        near = nearest(name, [one.name for one in reports])
        raise PluginError(
            f"no plugin {name!r} is installed or enabled; {f'did you mean {near}?' if near else 'see `bharat plugins`'}"
        )
    if as_json:
        show_json(report)
    else:
        _print(report)


@plugins.command()
@click.argument("name")
@pass_runtime
def enable(runtime: Runtime, name: str) -> None:
    """Add a plugin to the end of `plugins` in the configuration file."""
    path = _file(runtime)
    text = read_file(path)

    loaded: list[Plugins] = []

    def check(candidate: Path) -> None:
        loaded.append(Plugins.load(load(candidate, runtime.environ), runtime.builtins))

    if name in runtime.config.plugins:
        click.echo(f"Plugin {name} is enabled already.")
        return
    if name not in (found := installed()) and name not in dict(runtime.builtins):
        raise PluginError(f"plugin {name!r} is not installed; {remedy_for_missing(name, found)}")
    new = add_plugin(text, name)
    _trial(path, new, check)
    replace_file(path, new)
    has_tables = any(line.plugin == name for line in loaded[0].migrations())
    click.echo(
        f"Enabled {name} in {path}. {'Run `bharat migrate`, then start' if has_tables else 'Start'} Bharat again."
    )
    for capability, provider in loaded[0].unused().get(name, ()):
        click.echo(f'It is used once it is chosen: [{capability}] provider = "{provider}"')


@plugins.command()
@click.argument("name")
@pass_runtime
def disable(runtime: Runtime, name: str) -> None:
    """Take a plugin out of `plugins` in the configuration file.

    Refused while the configuration uses what the plugin offers. Works when the plugin, or another, is broken."""
    path = _file(runtime)
    if not path.exists():
        raise ConfigError(f"there is no configuration file, so plugin {name!r} is not enabled in one")
    text = read_file(path)
    new = remove_plugin(text, name)
    works_now = True
    try:
        _ = runtime.plugins
    except BharatError:
        works_now = False
    warning = ""
    try:
        _trial(path, new, lambda candidate: Plugins.load(load(candidate, runtime.environ), runtime.builtins))
    except (ProviderMissing, LeftOver) as error:
        reason = str(error).partition(IDLE)[0]  # it would name the plugin that is just to be disabled
        raise ConfigError(f"plugin {name!r} can't be disabled, because the configuration uses it: {reason}") from error
    except BharatError as error:
        if works_now:
            raise PluginError(f"plugin {name!r} can't be disabled: {error}") from error
        warning = str(error)  # it was broken before for another reason too: one repair at a time
    replace_file(path, new)
    click.echo(f"Disabled {name} in {path}. Its tables, if any, stay in the database.")
    if warning:
        click.echo(f"bharat: warning: Bharat still would not start: {warning}", err=True)


def _file(runtime: Runtime) -> Path:
    if "BHARAT_PLUGINS" in runtime.environ:
        raise ConfigError("BHARAT_PLUGINS decides which plugins are enabled; change that variable, or unset it")
    found = find_file(runtime.config_path, runtime.environ)
    home = runtime.environ.get("BHARAT_HOME")
    return found or (Path(home) / "bharat.toml" if home else Path("bharat.toml"))


def _trial(path: Path, text: str, check: Callable[[Path], object]) -> None:
    """Check the new text as if it stood in the file's place: same folder, same name in messages."""
    candidate = path.with_name(f".new.{path.name}")
    replace_file(candidate, text, like=path)
    try:
        check(candidate)
    except BharatError as error:
        raise type(error)(str(error).replace(candidate.name, path.name)) from error
    finally:
        candidate.unlink()


def _state(report: PluginReport) -> str:
    if report.problem:
        return "broken"
    return "built in" if report.builtin else "enabled" if report.enabled else "installed"


def _print(report: PluginReport) -> None:
    click.echo(f"{report.name}: {_state(report)}")
    if report.distribution:
        click.echo(f"  distribution  {report.distribution} {report.version}")
    if report.order:
        click.echo(f"  order         {report.order}")
    if report.problem:
        click.echo(f"  problem       {report.problem}")
    if report.hooks:
        click.echo(f"  hooks         {', '.join(report.hooks)}")
    for kind, names in report.adds.items():
        click.echo(f"  {kind:<13} {', '.join(names)}")
    if report.settings:
        click.echo(f"\n  [plugin.{report.name}]")
        _print_options(report.settings)
    for provider in report.providers:
        traits = ["chosen"] if provider.chosen else []
        traits.append("shared between nodes" if provider.shared else "for one node")
        click.echo(f"\n  [{provider.capability}.{provider.name}]  {provider.summary} ({', '.join(traits)})")
        _print_options(provider.options)


def _print_options(options: Sequence[OptionReport]) -> None:
    for option in options:
        default = "required" if option.required else f"default {option.default or 'none'}"
        kind = ", ".join(filter(None, (option.type, option.range)))
        traits = [kind, default, *(["secret"] if option.secret else []), *option.env]
        click.echo(f"    {option.name:<18} {'; '.join(traits)}")
        if option.description:
            click.echo(f"    {'':<18} {option.description}")
        if option.example and not option.default:
            click.echo(f"    {'':<18} {option.name} = {option.example}")
