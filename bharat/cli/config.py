"""`bharat config`: every key with its value and where it came from."""

from __future__ import annotations

import click

from bharat.cli.base import Runtime, pass_runtime, show_json, show_table
from bharat.contracts.errors import BharatError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def config(runtime: Runtime, *, as_json: bool) -> int:
    """Show every key with its value and source; secrets are masked. Exits with 1 when Bharat would not start with them."""
    settings = runtime.config
    problem = ""
    try:
        rows = runtime.plugins.describe_settings()
    except BharatError as error:
        rows, problem = settings.describe(), str(error)
    if as_json:
        show_json(
            {
                "file": str(settings.file.absolute()) if settings.file else None,
                "settings": [{"key": row.key, "value": row.shown, "source": row.source} for row in rows],
                "problem": problem,
            }
        )
        return 1 if problem else 0
    click.echo(f"# file: {settings.file.absolute() if settings.file else 'none'}")
    show_table(("KEY", "VALUE", "SOURCE"), [(row.key, row.shown, row.source) for row in rows])
    if problem:
        click.echo(f"bharat: warning: Bharat would not start with this: {problem}", err=True)
    return 1 if problem else 0
