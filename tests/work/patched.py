"""A worker in a monkey-patched process, as in the server: `python -m tests.work.patched DATABASE_URL ORGANISATION`."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - nothing may be imported before the patching
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from datetime import timedelta  # noqa: E402
from uuid import UUID  # noqa: E402

from bharat.contracts.principal import SYSTEM  # noqa: E402
from bharat.contracts.work import JobContext, Subscriber  # noqa: E402
from bharat.data import BharatDatabase  # noqa: E402
from bharat.data.engine import EngineOptions  # noqa: E402
from bharat.testing.suite import eventually  # noqa: E402
from bharat.work import emit  # noqa: E402
from bharat.work.catalogue import Catalogue  # noqa: E402
from bharat.work.service import Worker  # noqa: E402
from tests.work.small import SmallApplication, add, all_jobs, spec  # noqa: E402

SOON = timedelta(seconds=20)


def left_over() -> list[str]:
    """Threads of the worker, but for the job that can't be ended."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("bharat-") and "endless" not in name]


def main(url: str, organisation: str) -> None:
    ran: list[UUID] = []
    heard: list[int] = []

    def run(job: JobContext) -> None:
        time.sleep(0.1)
        ran.append(job.id)

    quick = spec(run)
    endless = spec(lambda job: time.sleep(600), kind="test.endless", time_limit=timedelta(seconds=0.3), max_attempts=1)
    subscriber = Subscriber(name="test.index", patterns=("*",), handle=lambda job, event: heard.append(event.number))
    app = SmallApplication(BharatDatabase(EngineOptions(url)))
    worker = Worker(app.host, concurrency=4, catalogue=Catalogue.of([quick, endless], [subscriber]))
    worker.start()
    added = [add(app.database, quick) for _ in range(12)]
    add(app.database, endless)
    with app.database.write(UUID(organisation), SYSTEM) as unit:
        emit(unit, "deal.created", "deal", None, {})
    eventually(
        lambda: all(job.state in ("done", "dead") for job in all_jobs(app.database)) and bool(heard),
        within=SOON,
        what="all jobs end",
    )
    given = worker.stop(timedelta(seconds=5))
    eventually(lambda: not left_over(), within=SOON, what="every part of the worker ends")
    states = sorted(job.state for job in all_jobs(app.database))
    once = sorted(ran) == sorted(added)
    sys.stdout.write(json.dumps({"once": once, "heard": heard, "states": states, "given": given}))


if __name__ == "__main__":
    main(*sys.argv[1:])
