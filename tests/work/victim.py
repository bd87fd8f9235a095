"""A worker process for the fault tests: `python -m tests.work.victim DATABASE_URL [unprotected]`.

It says `started` when its job runs, waits for a line, takes its effect, and says how that went. With `unprotected` it
completes jobs without asking whether they are its own."""

from __future__ import annotations

import sys
from datetime import timedelta

from bharat.contracts.locks import LeaseLost
from bharat.contracts.work import JobContext
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.work.leases import Leases
from bharat.work.worker import Runner
from tests.work.small import SmallApplication, spec, take_effect


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(job: JobContext) -> None:
    say("started")
    sys.stdin.readline()
    try:
        take_effect(job)
    except LeaseLost:
        say("lost")
        raise
    say("done")


def main(url: str, *more: str) -> None:
    if "unprotected" in more:
        Leases.finish_in = lambda self, unit, attempt: None  # type: ignore[method-assign]
    kind = spec(run)
    app = SmallApplication(BharatDatabase(EngineOptions(url)))
    Runner(app.application, {kind.kind: kind}, lease=timedelta(seconds=60)).run_due(["default"])
    say("ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
