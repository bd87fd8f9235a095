"""`api`: three requests, every contender, one run; requests per CPU-second of the server, and Bharat against each rival.

The database is left out: PostgreSQL's processes are not counted; SQLite works inside the server, for everyone alike. Rounds
go through the contenders in rotating order, and a ratio is the median of the rounds' ratios, so that what the machine does
meanwhile meets all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from benchmarks import agreement, contenders
from benchmarks.contenders import Running, running
from benchmarks.dataset import database_server, prepared
from benchmarks.load import drive
from benchmarks.report import Goal, say, table
from benchmarks.workload import Measured, creates, lists, long_ago, reads

GOALS = {contenders.HANDWRITTEN.name: 0.8, contenders.DRF.name: 4.0}
"""How fast Bharat must be, as a multiple of a rival."""

Figures = dict[str, list[float]]
"""Requests per CPU-second by contender, a round each."""


def run(databases: Sequence[str], rows: int, requests: int, rounds: int, folder: Path) -> list[Goal]:
    goals: list[Goal] = []
    for dialect in databases:
        say(f"{dialect}: writing {rows:,} contacts")
        with database_server(dialect) as database:
            dataset = prepared(database, rows, folder)
            with ExitStack() as stack:
                servers = [stack.enter_context(running(each, dataset)) for each in contenders.ALL]
                agreement.check(dataset, servers)
                say(f"{dialect}: all {len(servers)} contenders give the same answers and write the same rows")
                since = long_ago()
                by_name = {
                    server.contender.name: [reads(dataset), lists(dataset, server, since), creates(dataset)]
                    for server in servers
                }
                # Creates come last: until then the table stays as it was.
                for number in range(3):
                    kinds = {name: measured[number] for name, measured in by_name.items()}
                    goals += _report(dialect, *_measure(servers, kinds, requests, rounds))
    return goals


def _measure(servers: Sequence[Running], kinds: dict[str, Measured], requests: int, rounds: int) -> tuple[str, Figures]:
    figures: Figures = {server.contender.name: [] for server in servers}
    for number in range(-1, rounds):
        start = number % len(servers)
        for server in (*servers[start:], *servers[:start]):
            kind = kinds[server.contender.name]
            # The round before the first warms caches and is not counted.
            cost = drive(server.port, server.pid, kind.make, requests, status=kind.status)
            if number >= 0:
                figures[server.contender.name].append(cost.per_cpu_second)
    return next(iter(kinds.values())).name, figures


def _report(dialect: str, kind: str, figures: Figures) -> list[Goal]:
    ours = figures[contenders.BHARAT.name]
    goals = []
    lines = []
    for name, theirs in figures.items():
        ratios = [mine / their for mine, their in zip(ours, theirs, strict=True)]
        ratio = median(ratios)
        goal = ""
        if name in GOALS:
            goals.append(Goal(f"{kind} on {dialect}, against {name}", ratio, GOALS[name], at_least=True))
            goal = f">= {GOALS[name]:g}"
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios * 3)
        spread = f"{low:.2f} to {high:.2f}"
        lines.append((name, f"{median(theirs):,.0f}", f"{ratio:.2f}", spread, goal))
    say(f"\n{kind} on {dialect}")
    table(("contender", "requests per CPU-second", "bharat is x times", "half of the rounds", "goal"), lines)
    return goals
