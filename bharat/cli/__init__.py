"""The `bharat` command. Each command lies in a file of its own and is named in `COMMANDS`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import bharat
from bharat.cli.accounts import apikey, org, team, user
from bharat.cli.base import BharatGroup, Runtime
from bharat.cli.base import run as run_group
from bharat.cli.config import config
from bharat.cli.doctor import doctor
from bharat.cli.exporting import export
from bharat.cli.importing import import_
from bharat.cli.jobs import jobs
from bharat.cli.migrate import database, makemigration, migrate
from bharat.cli.new_plugin import new_plugin
from bharat.cli.plugins import plugins
from bharat.cli.reindex import reindex
from bharat.cli.secrets import secrets
from bharat.cli.serve import demo, dev, serve
from bharat.cli.worker import clock, worker

COMMANDS: tuple[click.Command, ...] = (
    apikey,
    clock,
    config,
    database,
    demo,
    dev,
    doctor,
    export,
    import_,
    jobs,
    makemigration,
    migrate,
    new_plugin,
    org,
    plugins,
    reindex,
    secrets,
    serve,
    team,
    user,
    worker,
)


def _use_file(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    # Eager, so that `--help` lists the commands of the plugins that this file enables.
    if value is not None:
        ctx.ensure_object(Runtime).config_path = value
    return value


@click.group(cls=BharatGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_use_file,
    help="The configuration file; else $BHARAT_CONFIG, bharat.toml in $BHARAT_HOME (.bharat), or ./bharat.toml.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.version_option(bharat.__version__, prog_name="bharat", message="%(prog)s %(version)s")
def cli() -> None:
    """Bharat, a CRM platform made of plugins."""


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """The entry point of the `bharat` script."""
    sys.exit(run_group(cli))
