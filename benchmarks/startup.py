"""`startup`: time to the first answer and idle memory, beside a Falcon application that does nothing.

Both run under the same gunicorn; the difference is Bharat. Memory is the proportional set size of master and worker, two
seconds after the first answer.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from benchmarks import contenders
from benchmarks.contenders import running
from benchmarks.dataset import database_server, prepared
from benchmarks.load import memory_of
from benchmarks.report import say, table

SETTLE = 2.0


def run(rounds: int, folder: Path) -> None:
    with database_server("sqlite") as database:
        dataset = prepared(database, 100, folder)
        found: dict[str, list[tuple[float, float]]] = {contenders.BARE.name: [], contenders.BHARAT.name: []}
        for _ in range(rounds):
            for contender in (contenders.BARE, contenders.BHARAT):
                with running(contender, dataset, "/livez", expect=(200,)) as server:
                    time.sleep(SETTLE)
                    found[contender.name].append((server.first_answer, memory_of(server.pid)))
    say("\nstart and idle memory")
    lines = [
        (name, *(f"{median(column):.2f}" for column in zip(*measured, strict=True))) for name, measured in found.items()
    ]
    table(("application", "seconds to the first answer", "idle memory, MiB"), lines)
