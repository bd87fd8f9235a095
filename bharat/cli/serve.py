"""`bharat serve` and `bharat dev`: run the application server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from bharat.cli.base import Runtime, pass_runtime
from bharat.contracts.errors import BharatError


@click.command()
@click.option("--bind", multiple=True, metavar="ADDRESS", help="HOST:PORT or unix:PATH; else [server] host and port.")
@pass_runtime
def serve(runtime: Runtime, *, bind: tuple[str, ...]) -> None:
    """Serve HTTP until SIGTERM. While a migration is pending, /readyz answers 503 and says which."""
    _ = runtime.plugins  # what is wrong with the configuration is said here, in one line
    _become_server(runtime, bind, reload=False)


@click.command()
@click.option("--reload", is_flag=True, help="Start anew whenever a source file changes.")
@pass_runtime
def dev(runtime: Runtime, *, reload: bool) -> None:
    """Migrate, make a demo organisation if there is none, and serve with a worker in the same process."""
    from bharat.cli.demo import prepare_demo, welcome

    if runtime.plugins.worker_in_process is False:
        raise BharatError("`bharat dev` is for one node; in a cluster run `bharat serve` and `bharat worker`")
    login = prepare_demo(runtime.config, runtime.plugins)
    click.echo(welcome(runtime.config, login))
    sys.stdout.flush()
    _become_server(runtime, (), reload=reload)


def _become_server(runtime: Runtime, bind: Sequence[str], *, reload: bool) -> NoReturn:
    arguments = [sys.executable, "-m", "bharat.server"]
    if runtime.config_path is not None:
        arguments += ["--config", str(runtime.config_path)]
    for address in bind:
        arguments += ["--bind", address]
    if reload:
        arguments.append("--reload")
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter, no shell
