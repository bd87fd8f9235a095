"""`python -m benchmarks`: see README.md in this folder."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import api, files, growth, redis_stores, startup, storage
from benchmarks.report import QDRANT, RIVALS, Goal, machine, verdict


def main(arguments: list[str] | None = None) -> int:
    """Measure, print tables, and return 1 when a goal was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Bharat beside named rivals that do the same work."
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=("api", "growth", "startup", "redis", "storage", "files", "vectors", "all"),
        default="api",
    )
    parser.add_argument("--rows", type=int, help="contacts in the table: 100000 for api, 1000000 for growth")
    parser.add_argument("--points", type=int, default=100_000, help="points in the vector index (%(default)s)")
    parser.add_argument("--requests", type=int, default=100, help="requests a round (%(default)s)")
    parser.add_argument("--rounds", type=int, help="rounds, of which medians are taken: 15, and 150 for redis")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    options = parser.parse_args(arguments)
    databases = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    rounds = options.rounds or 15
    goals: list[Goal] = []
    machine(QDRANT if options.what == "vectors" else RIVALS)
    with tempfile.TemporaryDirectory(prefix="bharat-bench-") as name:
        folder = Path(name)
        if options.what in ("api", "all"):
            goals += api.run(databases, options.rows or 100_000, options.requests, rounds, _made(folder / "api"))
        if options.what in ("growth", "all"):
            goals += growth.run(
                databases, options.rows or 1_000_000, options.requests, rounds, _made(folder / "growth")
            )
        if options.what in ("startup", "all"):
            startup.run(min(rounds, 5), _made(folder / "startup"))
        if options.what in ("redis", "all"):
            goals += redis_stores.run(options.requests, options.rounds or 150, _made(folder / "redis"))
        if options.what in ("files", "all"):
            goals += files.run(500 * 1024 * 1024, min(rounds, 5), _made(folder / "files"))
        if options.what in ("vectors", "all"):
            from benchmarks import vectors  # the client takes 0.8 s and 88 MB, which is nothing to the others

            goals += vectors.run(options.points)
    if options.what in ("storage", "all"):
        goals += storage.run(500 * 1024 * 1024, min(rounds, 5))
    return verdict(goals)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
