"""`bharat export`: records as a CSV file."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlencode

import click

from bharat.cli.base import Runtime, pass_runtime
from bharat.cli.parameters import pairs, type_called
from bharat.cli.whole_file import whole_file


@click.command("export")
@click.argument("type_", metavar="TYPE")
@click.option("--org", metavar="SLUG", help="The organisation; may be left out when there is only one.")
@click.option("--as", "as_email", metavar="EMAIL", help="Export as this user: what the role may export.")
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE", callback=pairs("=", "NAME=VALUE"),
    help="As in the query string of the list: status=won, amount.gte=1000 …; repeatable.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write here; else to stdout."
)
@pass_runtime
def export(
    runtime: Runtime,
    *,
    type_: str,
    org: str | None,
    as_email: str | None,
    filters: list[tuple[str, str]],
    out: Path | None,
) -> None:
    """Export records of TYPE as CSV. `bharat import TYPE FILE` takes the file back; what is unchanged stays as it is."""

    from bharat.cli.acting import organisation_called, user_with_address
    from bharat.records.export import export_selected

    with runtime.application() as app:
        organisation_id = organisation_called(app.database, org)
        principal = user_with_address(app.database, organisation_id, as_email) if as_email else None
        reader = app.database.read(organisation_id)
        chunks = export_selected(app.records, type_called(app, type_), reader, principal, urlencode(filters))
        if out is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            return
        with whole_file(out) as file:
            file.writelines(chunks)
    click.echo(f"wrote {out}", err=True)
