"""What people and scripts are told of a cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import click
import msgspec

from bharat_dev_cluster.demo import Login
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.programs import Node, WorkerProcess


class Row(msgspec.Struct, frozen=True):
    """One process. `health` is `/readyz` of a server, in words."""

    name: str
    state: str
    pid: int | None
    address: str
    health: str
    log: str

    @property
    def well(self) -> bool:
        return self.state == "running" and self.health in ("", "ready")


def report(cluster: LocalCluster) -> list[Row]:
    """Every process, in the order in which they start."""
    rows = []
    for name, part in cluster.parts.items():
        running = part.running
        address = "" if isinstance(part, WorkerProcess) else f"127.0.0.1:{part.port}"
        health = part.readiness() if isinstance(part, Node) and running else ""
        state = "running" if running else "down"
        rows.append(Row(name, state, part.pid if running else None, address, health, str(part.log_path)))
    return rows


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print the report."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    lines = [("PROCESS", "STATE", "PID", "ADDRESS", "HEALTH")]
    lines += [(row.name, row.state, str(row.pid or ""), row.address, row.health) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def welcome(cluster: LocalCluster, login: Login | None) -> str:
    """Where everything is, and how to log in. No password of a database is told."""
    rows = [(cluster.url, "nginx: the address for browsers")]
    rows += [(node.url, f"application server {node.folder.name.removeprefix('node-')}") for node in cluster.nodes]
    rows += [(f"127.0.0.1:{cluster.postgres.port}", "PostgreSQL"), (f"127.0.0.1:{cluster.valkey.port}", "Redis")]
    width = max(len(address) for address, _ in rows)
    lines = ["", *(f"  {address.ljust(width)}  {what}" for address, what in rows), ""]
    lines.append(f"Configuration: {cluster.config} (with --config it makes bharat's commands work on the cluster)")
    lines.append(f"Data and logs: {cluster.folder}")
    if login is not None:
        body = json.dumps({"email": login.email, "password": login.password})
        lines += ["", f"  login     {login.email}", f"  password  {login.password}", "", "Log in and look around:"]
        lines.append(
            f"  curl -c cookies -H 'Content-Type: application/json' -d {shlex.quote(body)} {cluster.url}/api/v1/login"
        )
        lines += [f"  curl -b cookies {cluster.url}/api/v1/me", ""]
    return "\n".join(lines)
