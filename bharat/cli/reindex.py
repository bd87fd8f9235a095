"""`bharat reindex`: the vector index, built from the database."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from bharat.cli.base import Runtime, pass_runtime, show_json

if TYPE_CHECKING:
    from bharat.search.rebuild import Progress


@click.command()
@click.option(
    "--organisation", "--org", "organisation", metavar="SLUG", help="Only this organisation's records, in an index that fits."
)  # fmt: skip
@click.option("--anew", is_flag=True, help="Make an empty index first, although the one there is fits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def reindex(runtime: Runtime, /, *, organisation: str | None, anew: bool, as_json: bool) -> None:
    """Build the vector index from the database, beside everything that goes on.

    An index of another embedding, or one that is lost, is made anew. Stopped or killed, the command goes on where it was when it is run
    again. Until it ends, searches say that something similar may be missing. Without a vector index there is nothing to do."""
    from bharat.cli.acting import organisation_called
    from bharat.contracts.errors import BharatError
    from bharat.search.rebuild import Rebuild

    if anew and organisation is not None:
        raise click.UsageError("--anew empties the index of all organisations; leave --organisation out")
    began = time.monotonic()
    with runtime.application() as app:
        line = _ProgressLine(shown=not as_json)
        rebuild = Rebuild(app, told=line.show)
        try:
            if organisation is None:
                done = rebuild.all(anew=anew)
            else:
                done = rebuild.only(organisation_called(app.database, organisation))
        except BharatError as error:
            raise BharatError(f"{error} After {rebuild.progress.records} records; run it again to go on.") from error
        finally:
            line.clear()
        embedding = {"name": app.embeddings.name, "dimension": app.embeddings.dimension}
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        show_json(
            {
                "organisations": done.organisations, "records": done.records, "removed": done.removed, "resumed": done.resumed,
                "embedding": embedding, "seconds": seconds,
            }
        )  # fmt: skip
        return
    went_on = "went on where it had stopped: " if done.resumed else ""
    click.echo(
        f"{went_on}{done.records} records of {done.organisations} organisation{'s' * (done.organisations != 1)} are indexed by "
        f"{embedding['name']}, {done.removed} that are no more were removed, in {seconds} s"
    )


class _ProgressLine:
    """A line on stderr that is written over, when stderr is a terminal and people read it."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()

    def show(self, progress: Progress) -> None:
        if self._shown:
            click.echo(
                f"\r\x1b[K{progress.organisation} {progress.type}: {progress.records} records", err=True, nl=False
            )

    def clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
