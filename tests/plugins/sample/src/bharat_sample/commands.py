"""The command `bharat sample-greet`."""

from __future__ import annotations

import click

from bharat.cli.base import Runtime, pass_runtime
from bharat_sample.options import Settings


@click.command("sample-greet")
@click.argument("name")
@pass_runtime
def greet_command(runtime: Runtime, name: str) -> None:
    """Greet NAME as the plugin is configured to."""
    settings = runtime.plugins.settings("sample")
    assert isinstance(settings, Settings)
    click.echo(f"{settings.greeting}, {name}")
