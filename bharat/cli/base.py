"""What every command shares: the configuration read on demand, the group that adds plugins' commands, one line per error."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from bharat.cli.logs import log_lines
from bharat.config import Config, load
from bharat.contracts.errors import BharatError, ConfigError, PluginError, Problem
from bharat.plugins import Plugins

if TYPE_CHECKING:
    from bharat.app import Bharat


class Runtime:
    """What a run of the command line works on. Nothing is read before a command asks for it, so that `--help` and the
    commands that repair a configuration work with a broken one."""

    def __init__(self, config_path: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self.config_path = config_path
        self.environ = os.environ if environ is None else environ

    @cached_property
    def config(self) -> Config:
        return load(self.config_path, self.environ)

    @cached_property
    def builtins(self) -> Sequence[tuple[str, object]]:
        from bharat.app import BUILTINS  # after --help and usage errors, which need none of the application

        return BUILTINS

    @cached_property
    def plugins(self) -> Plugins:
        return Plugins.load(self.config, self.builtins)

    @contextmanager
    def application(self) -> Iterator[Bharat]:
        """The assembled application, for commands that read or write records; closed at the end of the block. Raises
        `BharatError`, before anything is made, when the database is not migrated."""
        from bharat.app import build  # as above
        from bharat.cli.database import require_migrated, told_by_name

        require_migrated(self.config, self.plugins)
        with build(self.config, plugins=self.plugins) as app, told_by_name(self.config):
            yield app


pass_runtime = click.make_pass_decorator(Runtime, ensure=True)


class Summaries(click.Group):
    """A group whose `--help` has the whole first sentence of each command, over several lines where it must be."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command and not command.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


_WHOLE = 1000
"""Characters of a summary: more than any has."""


class BharatGroup(Summaries):
    """The core's commands, then those of the enabled plugins, which are loaded only when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        with contextlib.suppress(BharatError):
            return [*super().list_commands(ctx), *sorted(self._of_plugins(ctx))]
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if command := super().get_command(ctx, cmd_name):
            return command
        if cmd_name.startswith("-"):
            return None
        try:
            return self._of_plugins(ctx).get(cmd_name)
        except BharatError as error:
            kind = ConfigError if isinstance(error, ConfigError) else PluginError
            raise kind(
                f"{cmd_name!r} is not a command of Bharat, and plugins' commands can't be loaded: {error}"
            ) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        try:
            self._of_plugins(ctx)
        except BharatError as error:
            formatter.write_paragraph()
            formatter.write_text(f"Plugins' commands are not shown: {error}")

    def _of_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        commands: dict[str, click.Command] = {}
        for owned in ctx.ensure_object(Runtime).plugins.commands():
            name = owned.item.name or ""
            if name in self.commands:
                raise PluginError(
                    f"plugin {owned.plugin!r} adds the command {name!r}, which Bharat has; it must be renamed"
                )
            commands[name] = owned.item
        return commands


def run(group: click.Group, arguments: Sequence[str] | None = None, *, runtime: Runtime | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 for a failure, 2 for wrong usage or configuration, 130 when
    interrupted; an `int` that a command returns is its exit code. A failure is one line on stderr; `--debug` or `BHARAT_DEBUG` adds the traceback."""
    runtime = runtime or Runtime()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    debug = bool(runtime.environ.get("BHARAT_DEBUG")) or "--debug" in arguments
    try:
        with log_lines(debug=debug):
            result: Any = group.main(list(arguments), prog_name="bharat", standalone_mode=False, obj=runtime)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        return _fail(f"{error.format_message().rstrip('.')}{hint}", error, debug, 2)
    except click.ClickException as error:
        return _fail(error.format_message(), error, debug, error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("bharat: interrupted", err=True)
        return 130
    except (ConfigError, PluginError) as error:
        return _fail(str(error), error, debug, 2)
    except BharatError as error:
        return _fail(_told(error), error, debug, 1)
    except BrokenPipeError:
        # The reader of a pipe (`head`) has gone; point stdout elsewhere so that the interpreter's exit stays silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        more = "" if debug else "; run it again with --debug to see where, and report it"
        return _fail(f"unexpected {type(error).__name__}: {str(error).strip() or 'no message'}{more}", error, debug, 1)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def show_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> None:
    """Print rows in aligned columns. The last one runs free, or goes on below itself where a line would pass `width`."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    begin = sum(widths) + 2 * len(widths)
    for line in lines:
        cells = [cell.ljust(size) for cell, size in zip(line, widths, strict=False)]
        text = line[-1] if width is None else f"\n{' ' * begin}".join(textwrap.wrap(line[-1], max(20, width - begin)))
        click.echo("  ".join([*cells, text]).rstrip())


def _told(error: BharatError) -> str:
    """The message with what is wrong where, unless it says so itself."""
    faults = error.faults if isinstance(error, Problem) else ()
    more = [f"{fault.path.lstrip('/?')}: {fault.detail}" for fault in faults if fault.detail not in str(error)]
    return f"{str(error).rstrip('.')}: {'; '.join(more)}" if more else str(error)


def _fail(message: str, error: BaseException, debug: bool, code: int) -> int:
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    click.echo(f"bharat: error: {message}", err=True)
    return code
