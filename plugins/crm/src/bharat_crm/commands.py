"""`bharat pipeline`: what the CRM adds to the command line."""

from __future__ import annotations

import click

from bharat.cli.acting import organisation_called
from bharat.cli.base import Runtime, pass_runtime
from bharat.contracts.principal import SYSTEM
from bharat.records import kit_of
from bharat_crm.default_pipeline import NAME, STAGES, ensure_default_pipeline


@click.group()
def pipeline() -> None:
    """Prepare the pipelines of an organisation."""


@pipeline.command()
@click.option("--org", "slug", metavar="SLUG", help="The organisation; may be left out when there is only one.")
@pass_runtime
def init(runtime: Runtime, slug: str | None) -> None:
    """Make the default pipeline, unless the organisation has one already."""
    with runtime.application() as app:
        organisation_id = organisation_called(app.database, slug)
        with app.database.write(organisation_id, SYSTEM) as unit:
            made = ensure_default_pipeline(kit_of(app), unit, None)
    stages = ", ".join(name for name, _, _ in STAGES)
    click.echo("there is a pipeline already" if made is None else f"made the pipeline {NAME} with the stages {stages}")
