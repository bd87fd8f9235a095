"""`bharat serve` and `bharat dev`: run the application server."""

from __future__ import annotations

import os
import socket
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
    if not bind:
        _refuse_taken(runtime.config.server.host, runtime.config.server.port)
    _become_server(runtime, bind, reload=False)


@click.command()
@click.option("--reload", is_flag=True, help="Start anew whenever a source file changes.")
@pass_runtime
def dev(runtime: Runtime, *, reload: bool) -> None:
    """Migrate, make a demo organisation if there is none, and serve with a worker in the same process."""
    from bharat.cli.demo import prepare_demo, welcome

    if runtime.plugins.worker_in_process is False:
        raise BharatError("`bharat dev` is for one node; in a cluster run `bharat serve` and `bharat worker`")
    _refuse_taken(runtime.config.server.host, runtime.config.server.port)
    prepared = prepare_demo(runtime.config, runtime.plugins)
    click.echo(welcome(runtime.config, prepared))
    sys.stdout.flush()
    _become_server(runtime, (), reload=reload)


def _refuse_taken(host: str, port: int) -> None:
    """Say in one line that the address can't be listened on, before anything is prepared or promised."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BharatError(
                f"can't listen on {host} port {port}: {error.strerror}; choose another port with "
                "BHARAT_SERVER__PORT (`make run PORT=…`), or stop what listens there"
            ) from error


def _become_server(runtime: Runtime, bind: Sequence[str], *, reload: bool) -> NoReturn:
    arguments = [sys.executable, "-m", "bharat.server"]
    if runtime.config_path is not None:
        arguments += ["--config", str(runtime.config_path)]
    for address in bind:
        arguments += ["--bind", address]
    if reload:
        arguments.append("--reload")
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter, no shell
