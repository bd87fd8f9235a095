"""`growth`: what a list costs at many rows against few, with the time of the database and of waiting included.

Two databases of one server are asked in turn, one request at a time: the wall clock holds everything there is to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import contenders
from benchmarks.contenders import Running, running
from benchmarks.dataset import Dataset, database_server, prepared
from benchmarks.load import RequestFactory, cpu_of, drive, request
from benchmarks.report import Goal, say, table
from benchmarks.workload import fetch, list_path, long_ago
from bharat_local_servers import Postgres

FEW = 10_000
MOST = 1.5
"""How many times as much the list may cost at many rows."""


def run(databases: Sequence[str], rows: int, requests: int, rounds: int, folder: Path) -> list[Goal]:
    goals: list[Goal] = []
    for dialect in databases:
        with database_server(dialect) as database, ExitStack() as stack:
            sides = []
            for size in (FEW, rows):
                say(f"{dialect}: writing {size:,} contacts")
                dataset = prepared(database, size, folder)
                server = stack.enter_context(running(contenders.BHARAT, dataset))
                sides.append((server, _shapes(dataset, server)))
            goals += _compare(dialect, database, sides, requests, rounds)
    return goals


def _shapes(dataset: Dataset, server: Running) -> dict[str, RequestFactory]:
    """The lists by name."""
    since = long_ago()
    first = list_path(since)
    cursor = fetch(server, "GET", first, dataset.api_key, expect=200)[1]["next_cursor"]
    paths = {
        "two filters, page 2 by cursor": list_path(since, cursor),
        "two filters, page 1": first,
        "default sort, no filter": "/api/v1/contacts",
    }
    made = {name: request("GET", path, dataset.api_key) for name, path in paths.items()}
    # `data` is bound now: a closure would see the last one only.
    return {name: lambda number, data=data: data for name, data in made.items()}  # type: ignore[misc]


def _compare(
    dialect: str,
    database: Postgres | None,
    sides: Sequence[tuple[Running, dict[str, RequestFactory]]],
    requests: int,
    rounds: int,
) -> list[Goal]:
    goals, lines = [], []
    for shape in sides[0][1]:
        walls: list[list[float]] = [[], []]
        cpus: list[list[float]] = [[], []]
        for number in range(-1, rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                server, shapes = sides[side]
                before = cpu_of(database.pid) if database else 0.0
                cost = drive(server.port, server.pid, shapes[shape], requests, status=200, connections=1)
                spent = cost.cpu + (cpu_of(database.pid) - before if database else 0.0)
                if number >= 0:
                    walls[side].append(cost.wall / requests * 1000)
                    cpus[side].append(spent / requests * 1000)
        wall = median(many / few for few, many in zip(*walls, strict=True))
        cpu = median(many / few for few, many in zip(*cpus, strict=True))
        lines.append(
            (shape, *(f"{median(found):.2f}" for found in (*walls, *cpus)), f"{wall:.2f}", f"{cpu:.2f}", f"<= {MOST:g}")
        )
        goals.append(Goal(f"growth on {dialect}: {shape}, wall", wall, MOST, at_least=False))
        goals.append(Goal(f"growth on {dialect}: {shape}, CPU", cpu, MOST, at_least=False))
    say(f"\nlists on {dialect}, milliseconds a request, server and database together")
    heads = ("list", "wall, few", "wall, many", "CPU, few", "CPU, many", "wall ratio", "CPU ratio", "goal")
    table(heads, lines)
    return goals
