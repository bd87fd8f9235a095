"""`bharat doctor`: is this node, with its configuration, fit to run, and what is to be done where it is not?"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import msgspec

import bharat
from bharat.cli.base import Runtime, pass_runtime, show_json, show_table
from bharat.contracts.check import Status

if TYPE_CHECKING:
    from bharat.plugins.examining import Examined

WIDTH = 120
"""Columns at most."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding. `name` is the part, and after a dot what was looked at: `sessions.eviction`. `remedy` is empty when it is ok."""

    name: str
    status: Status
    detail: str
    remedy: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--json` prints. `status` is the worst of the findings."""

    status: Status
    version: str
    findings: list[Line]


@click.command()
@click.option("--servers", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Nodes that serve, for the connection budget.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1, 1000), default=1, show_default=True, help="`bharat serve` processes on each of them.")  # fmt: skip
@click.option("--workers", type=click.IntRange(0, 10_000), help="`bharat worker` processes in all; else 1, or 0 where the server runs a worker itself.")  # fmt: skip
@click.option("--clocks", type=click.IntRange(0, 1000), default=0, show_default=True, help="`bharat clock` processes in all.")  # fmt: skip
@click.option("--before-start", is_flag=True, help="Leave out what only shows while workers and a clock run.")
@click.option("--timeout", type=click.FloatRange(1, 600), default=10.0, show_default=True, help="Seconds that each part may take.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def doctor(
    runtime: Runtime,
    *,
    servers: int,
    processes: int,
    workers: int | None,
    clocks: int,
    before_start: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """Look at everything this node needs, with its configuration, and say what is wrong and what to do about it.

    Exits with 1 when something failed; what is degraded works with less. It writes a file, a session, a lock, a counter and a
    job of its own, and takes them away again."""
    from bharat.cli.examination import Extent, conduct

    extent = Extent(
        servers=servers,
        processes=processes,
        workers=workers,
        clocks=clocks,
        running=not before_start,
        limit=timedelta(seconds=timeout),
    )
    report = reported(conduct(runtime, extent))
    if as_json:
        show_json(report)
    else:
        _show(report)
    return 1 if report.status is Status.FAILED else 0


def reported(found: Sequence[Examined]) -> Report:
    """The findings, one a line."""
    from bharat.plugins.examining import SEVERITY

    lines = [
        Line(f"{part.name}.{one.about}" if one.about else part.name, one.status, one.detail, one.remedy)
        for part in found
        for one in part.findings
    ]
    worst = max((line.status for line in lines), key=SEVERITY.__getitem__, default=Status.OK)
    return Report(worst, bharat.__version__, lines)


def _show(report: Report) -> None:
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    show_table(("STATUS", "CHECK", "FINDING"), list(_rows(report)), width=width)
    count = Counter(line.status for line in report.findings)
    click.echo(f"\n{count[Status.OK]} ok, {count[Status.DEGRADED]} degraded, {count[Status.FAILED]} failed")


def _rows(report: Report) -> Iterator[tuple[str, str, str]]:
    for line in report.findings:
        yield line.status.value, line.name, line.detail
        if line.remedy:
            yield "", "", f"-> {line.remedy}"
