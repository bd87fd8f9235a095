"""`bharat serve` and `bharat dev`: run the application server."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import NoReturn

import click

from bharat.cli.base import Runtime, pass_runtime, show_json
from bharat.contracts.errors import BharatError


@click.command()
@click.option(
    "--bind", multiple=True, metavar="ADDRESS", help="HOST:PORT or unix:PATH, repeatable; else [server] host and port."
)
@pass_runtime
def serve(runtime: Runtime, *, bind: tuple[str, ...]) -> None:
    """Serve HTTP until SIGTERM. While a migration is pending, /readyz answers 503 and says which."""
    if not bind:
        runtime = _on_a_port(runtime)
    _ = runtime.plugins  # what is wrong with the configuration is said here, in one line
    _become(runtime, "bharat.server", *(part for address in bind for part in ("--bind", address)))


@click.command()
@click.option(
    "--reload", is_flag=True, help="Start anew whenever a file of Bharat, of an enabled plugin or bharat.toml changes."
)
@pass_runtime
def dev(runtime: Runtime, *, reload: bool) -> None:
    """Migrate, make a demo organisation if there is none, and serve with a worker in the same process."""
    from bharat.cli.demo import prepare_demo, welcome
    from bharat.server import END_ON_HANGUP
    from bharat.server.development import check_tables

    runtime = _on_a_port(runtime)
    if runtime.plugins.worker_in_process is False:
        raise BharatError("`bharat dev` is for one node; in a cluster run `bharat serve` and `bharat worker`")
    if not reload:  # which looks at each start, and waits until it is repaired
        check_tables(runtime.plugins)
    prepared = prepare_demo(runtime.config, runtime.plugins)
    click.echo(welcome(runtime.config, prepared))
    sys.stdout.flush()
    if reload:
        _become(runtime, "bharat.server.reload")
    _become(runtime, "bharat.server", END_ON_HANGUP)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def demo(runtime: Runtime, *, as_json: bool) -> None:
    """Make a demo organisation with sample records, if there is no organisation, and print its login.

    Run again it prints the same login. Where there are other organisations it makes nothing. `bharat dev` does it by itself."""
    from bharat.cli.demo import demo_login, login_lines

    with runtime.application() as app:
        login = demo_login(app)
    if as_json:
        show_json({"login": login})
    elif login is None:
        click.echo("There are organisations already, and none is the demo that was made here: nothing was made.")
    else:
        click.echo("\n".join(login_lines(login, runtime.config.home)))


def _on_a_port(runtime: Runtime) -> Runtime:
    """A free port in the place of port 0: links, the greeting and the check of a request's origin must know it. Says in one
    line that an address can't be listened on, before anything is prepared or promised."""
    server = runtime.config.server
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except (socket.gaierror, UnicodeError) as error:
            raise BharatError(_no_host(server.host, getattr(error, "strerror", None) or str(error))) from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise BharatError(_no_host(server.host, "no interface has it")) from error
            raise BharatError(
                f"can't listen on {server.host} port {server.port}: {error.strerror}; choose another port with "
                "BHARAT_SERVER__PORT (`make run PORT=…`), or stop what listens there"
            ) from error
        port = probe.getsockname()[1]
    if server.port:
        return runtime
    fixed = Runtime(runtime.config_path, {**runtime.environ, "BHARAT_SERVER__PORT": str(port)})
    fixed.builtins = runtime.builtins
    return fixed


def _no_host(host: str, reason: str) -> str:
    return (
        f"server.host is {host!r}, which is no address of this machine ({reason}); correct it, or BHARAT_SERVER__HOST"
    )


def _become(runtime: Runtime, module: str, *arguments: str) -> NoReturn:
    config = ["--config", str(runtime.config_path)] if runtime.config_path is not None else []
    command = [sys.executable, "-m", module, *config, *arguments]
    os.execve(sys.executable, command, dict(runtime.environ))  # noqa: S606 - our own interpreter, no shell
