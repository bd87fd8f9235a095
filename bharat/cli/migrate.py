"""`bharat migrate` and `bharat makemigration`: the database follows the code, and the code's revisions follow its tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bharat.cli.base import Runtime, Summaries, pass_runtime, show_json
from bharat.contracts.errors import BharatError

if TYPE_CHECKING:
    from bharat.data.migrations import Migrator
    from bharat.data.migrations.runner import Pending

_FIRST, _LATER = "Create the tables", "Change the tables"


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; exit with 1 when a migration is pending, or a plugin's tables differ from its revisions.",
)
@click.option(
    "--down", "down", metavar="PLUGIN", help="Undo this plugin's migrations: its tables and their rows are gone."
)
@click.option("--to", "to", metavar="REVISION", help="With --down: stop at this revision.")
@click.option("--yes", is_flag=True, help="With --down: don't ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def migrate(runtime: Runtime, *, check: bool, down: str | None, to: str | None, yes: bool, as_json: bool) -> int:
    """Bring the database to the newest revision of the core and every enabled plugin."""
    from bharat.app import migrator, schema_of
    from bharat.data.migrations.generate import differences, told

    if to is not None and down is None:
        raise click.UsageError("--to says where --down stops; say --down PLUGIN too")
    tool = migrator(runtime.config, runtime.plugins)
    try:
        if down is not None:
            if not yes:
                if not sys.stdin.isatty():
                    raise click.UsageError("there is no terminal to ask whether tables may go: use --yes")
                click.confirm(f"This drops tables of {down!r} with everything in them. Go on?", abort=True)
            count = tool.downgrade(down, to)
            _say(as_json, {"undone": count}, [f"undid {count} revision{'s' * (count != 1)} of {down}"])
            return 0
        if check:
            return _check(runtime, tool, as_json)
        steps = tool.upgrade()
    finally:
        tool.close()
    rows = _rows(steps)
    lines = [f"migrated {row['plugin']} {row['revision']}  {row['summary']}" for row in rows]
    _say(as_json, {"migrated": rows}, lines or ["the database is up to date"])
    for line in told(differences(schema_of(runtime.plugins))):
        click.echo(f"bharat: warning: {line}", err=True)
    return 0


def _check(runtime: Runtime, tool: Migrator, as_json: bool) -> int:
    """Whether the database, the revisions and the code agree."""
    from bharat.app import schema_of
    from bharat.data.migrations.generate import differences, told

    rows = _rows(tool.pending())
    found = differences(schema_of(runtime.plugins))
    lines = [f"pending {row['plugin']} {row['revision']}  {row['summary']}" for row in rows]
    _say(as_json, {"pending": rows, "differences": found}, [*lines, *told(found)] or ["the database is up to date"])
    return 1 if rows or found else 0


def _rows(steps: Sequence[Pending]) -> list[dict[str, str]]:
    return [{"plugin": step.plugin, "revision": step.revision, "summary": step.summary} for step in steps]


@click.command()
@click.argument("plugin")
@click.option(
    "-m", "--message", help=f'The revision\'s first line; else "{_FIRST}", or "{_LATER}" where there are revisions.'
)
@pass_runtime
def makemigration(runtime: Runtime, *, plugin: str, message: str | None) -> None:
    """Write PLUGIN's next revision from the difference between its tables and its newest revision."""
    from bharat.app import schema_of
    from bharat.data.migrations.generate import make_migration

    schema = schema_of(runtime.plugins)
    if message is None:
        message = _LATER if any(schema.line(plugin).folder.glob("[0-9]*.py")) else _FIRST
    path = make_migration(schema, plugin, message)
    if path is None:
        click.echo(f"nothing to do: the tables of {plugin} and its migrations agree")
    else:
        click.echo(f"wrote {path}: read it before you commit it")


@click.group(cls=Summaries)
def database() -> None:
    """Prepare a PostgreSQL database."""


@database.command("role")
@click.option("--name", default="bharat_app", show_default=True, help="The application's role.")
@pass_runtime
def role(runtime: Runtime, *, name: str) -> None:
    """Make the application's role, which owns no table, with the owner's URL (database.migration_url).

    Prints the application's DATABASE_URL with a new password: it is shown this once."""
    from bharat.data.role import create_application_role

    owner = runtime.config.database.migration_url
    if owner is None:
        raise BharatError(
            "set BHARAT_DATABASE__MIGRATION_URL to the URL of the role that owns the database, as its provider gives it"
        )
    click.echo(f"DATABASE_URL={create_application_role(owner.reveal(), name)}")


def _say(as_json: bool, value: object, lines: list[str]) -> None:
    if as_json:
        show_json(value)
    else:
        click.echo("\n".join(lines))
