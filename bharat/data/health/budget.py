"""The connection budget: what all processes may open at once, against what PostgreSQL has for us."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bharat.contracts.check import Finding, Status

MIGRATOR = 1
"""`bharat migrate` opens one connection, while everything else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """What runs, on all nodes together. A process opens up to `pool` connections, whatever it is.

    `servers` are nodes with `processes` application processes each; `workers` and `clocks` are processes of `bharat worker` and
    `bharat clock`."""

    servers: int = 1
    processes: int = 1
    workers: int = 1
    clocks: int = 0
    pool: int

    @property
    def connections(self) -> int:
        return (self.servers * self.processes + self.workers + self.clocks) * self.pool + MIGRATOR

    @property
    def arithmetic(self) -> str:
        """The sum as people check it."""
        terms = [
            f"{_count(self.servers, 'server')} x {_count(self.processes, 'process', 'processes')} x {self.pool}",
            *([f"{_count(self.workers, 'worker')} x {self.pool}"] if self.workers else []),
            *([f"{_count(self.clocks, 'clock')} x {self.pool}"] if self.clocks else []),
            f"{MIGRATOR} migrator",
        ]
        return f"{' + '.join(terms)} = {self.connections}"


def connection_budget(connection: sa.Connection, processes: Processes, *, pooled: bool) -> Finding:
    """A finding about `connections`. `pooled` says that a PgBouncer stands between, which keeps the server's connections itself."""
    if pooled:
        return Finding(
            Status.OK,
            f"{processes.arithmetic} connections to the pooler: its max_client_conn must allow them",
            about="connections",
        )
    allowed, told = _allowed(connection)
    detail = f"{processes.arithmetic} connections, of {told}"
    if processes.connections > allowed:
        return Finding(
            Status.FAILED,
            detail,
            "lower database.pool_size, run fewer processes, raise max_connections, or put PgBouncer between "
            "(database.prepare = false)",
            "connections",
        )
    return Finding(Status.OK, detail, about="connections")


def _allowed(connection: sa.Connection) -> tuple[int, str]:
    """How many connections this role may open in this database, and how that comes about."""
    row = connection.execute(
        sa.text(
            "SELECT current_setting('max_connections')::int AS most, "
            "current_setting('superuser_reserved_connections')::int "
            "+ coalesce(current_setting('reserved_connections', true), '0')::int AS reserved, "  # the latter from 16 on
            "(SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database, "
            "(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role"
        )
    ).one()
    free = row.most - row.reserved
    found = [(free, f"{row.most} - {row.reserved} reserved = {free}")]
    # -1 is no limit.
    found += [(row.database, f"{row.database} that the database allows")] if row.database >= 0 else []
    found += [(row.role, f"{row.role} that the role may open")] if row.role >= 0 else []
    return min(found)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
