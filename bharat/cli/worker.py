"""`bharat worker` and `bharat clock`: background work as a process of its own."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import click

from bharat.cli.base import Runtime, pass_runtime
from bharat.contracts.errors import BharatError

log = logging.getLogger("bharat.worker")


class _Told(BaseException):
    """SIGTERM came."""


@click.command()
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Serve this queue only (repeatable).")
@click.option("--concurrency", type=click.IntRange(1, 200), help="Jobs run at a time; else [worker] concurrency.")
@click.option("--no-clock", is_flag=True, help="Leave starting jobs by the clock to others.")
@click.option("--grace", type=click.FloatRange(0, 3600), default=25.0, show_default=True, help="Seconds that running jobs have to finish after SIGTERM.")  # fmt: skip
@pass_runtime
def worker(runtime: Runtime, *, queues: tuple[str, ...], concurrency: int | None, no_clock: bool, grace: float) -> None:
    """Run background jobs and publish events until SIGTERM; any number of workers may run.

    Running jobs are then let finish; those that don't are given back for other workers."""
    _work(runtime, grace, queues=queues, concurrency=concurrency, clock=False if no_clock else None)


@click.command()
@pass_runtime
def clock(runtime: Runtime) -> None:
    """Start jobs by the clock until SIGTERM, and run none. Of several clocks each tick is still made once."""
    _work(runtime, 0, concurrency=0, clock=True)


def _work(runtime: Runtime, grace: float, **options: Any) -> None:
    from bharat.app import build
    from bharat.server.logs import configure
    from bharat.work.service import Worker

    config, plugins = runtime.config, runtime.plugins
    configure(config.log)
    with _ended_by_signals(), build(config, plugins=plugins) as app:
        working = Worker(app, **options)
        working.start_when_ready(app.readiness.reasons)
        try:
            _watch(working)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            working.stop(timedelta(seconds=grace))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the block quietly. The main thread does nothing but wait, so it can be interrupted anywhere."""

    def told(number: int, frame: object) -> NoReturn:
        raise _Told

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield
    except (_Told, KeyboardInterrupt):
        log.info("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(working: Any) -> NoReturn:
    while working.running:
        time.sleep(1)
    raise BharatError("a part of the worker ended by itself; the log says why")
