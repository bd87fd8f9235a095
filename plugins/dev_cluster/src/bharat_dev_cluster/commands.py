"""`bharat cluster up|down|status|restart`."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from bharat_dev_cluster import supervision
from bharat_dev_cluster.configuration import WANTED
from bharat_dev_cluster.demo import demo_login
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.report import report, show, welcome
from bharat_local_servers import NGINX_VARIABLE, ServerUnavailable, find_nginx

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".bharat/cluster"),
    show_default=True,
    help="Where the cluster keeps its data, logs and configuration.",
)


@click.group()
def cluster() -> None:
    """Run a whole cluster on this machine: nginx, application servers, a worker, PostgreSQL and Redis."""


@cluster.command()
@folder_option
@click.option("--app-servers", type=click.IntRange(1), help="How many application servers.  [default: 2]")
@click.option("--port", type=click.IntRange(1, 65535), help="nginx's port.  [default: a free one]")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    help=f"Enable this one; repeatable.  [default: those installed of {' and '.join(WANTED)}]",
)
@click.option("--detach", is_flag=True, help="Return when it is up; `bharat cluster down` ends it.")
def up(*, folder: Path, app_servers: int | None, port: int | None, plugins: tuple[str, ...], detach: bool) -> None:
    """Start the cluster, migrate, make a demo organisation if there is none, and hold it all until Ctrl-C or SIGTERM. Started
    again in its folder, it has its data."""
    stop = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    supervision.refuse_if_up(folder)
    _tell_of_a_download()
    running = LocalCluster(
        folder, app_servers=app_servers, port=port, plugins=plugins or None, die_with_parent=not detach
    )
    running.start(say=click.echo)
    if detach:
        click.echo(welcome(running, demo_login(running)))
        click.echo(f"Stop it with: bharat cluster down --folder {folder}")
        return
    try:
        supervision.begin(running)
        click.echo(welcome(running, demo_login(running)))
        click.echo("Stop it with Ctrl-C.")
        supervision.watch(running, stop, say=lambda line: click.echo(line, err=True))
    except KeyboardInterrupt:
        click.echo("stopping")
    finally:
        stop.set()  # from here on another Ctrl-C changes nothing
        running.stop()
    click.echo("stopped")


@cluster.command()
@folder_option
def down(*, folder: Path) -> None:
    """Stop the cluster, whether it was detached or is held in another terminal. Its data stays."""
    running = supervision.open_cluster(folder)
    ended = supervision.end(running)
    click.echo(f"stopped {', '.join(ended)}" if ended else "nothing ran")


@cluster.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, folder: Path, as_json: bool) -> int:
    """Show each process. Exits with 1 unless all run and every server is ready."""
    rows = report(supervision.open_cluster(folder))
    show(rows, as_json=as_json)
    return 0 if all(row.well for row in rows) else 1


@cluster.command()
@click.argument("process")
@folder_option
def restart(*, process: str, folder: Path) -> None:
    """Stop PROCESS if it runs, and start it again: a server by its letter, or any name that `status` shows."""
    supervision.open_cluster(folder).restart(process)
    click.echo(f"{process} runs")


def _tell_of_a_download() -> None:
    """Say what takes so long the first time."""
    if NGINX_VARIABLE in os.environ:
        return
    try:
        find_nginx(download=False)
    except ServerUnavailable:
        click.echo("fetching nginx …")
