"""`bharat pipeline`: what the CRM adds to the command line."""

from __future__ import annotations

import click

from bharat.accounts.seeding import find_organisation
from bharat.cli.base import Runtime, pass_runtime
from bharat.contracts.errors import BharatError
from bharat.contracts.principal import SYSTEM
from bharat_crm.default_pipeline import NAME, STAGES, ensure_default_pipeline


@click.group()
def pipeline() -> None:
    """Prepare the pipelines of an organisation."""


@pipeline.command()
@click.option("--org", "slug", required=True, metavar="SLUG", help="The organisation.")
@pass_runtime
def init(runtime: Runtime, slug: str) -> None:
    """Make the default pipeline, unless the organisation has one already."""
    with runtime.application() as app:
        organisation_id = find_organisation(app.database, slug)
        if organisation_id is None:
            raise BharatError(f"there is no organisation {slug!r}")
        with app.database.write(organisation_id, SYSTEM) as unit:
            made = ensure_default_pipeline(app.records, unit, None)
    stages = ", ".join(name for name, _, _ in STAGES)
    click.echo("there is a pipeline already" if made is None else f"made the pipeline {NAME} with the stages {stages}")
