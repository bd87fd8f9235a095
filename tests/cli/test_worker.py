"""`bharat worker`, `clock` and `jobs`, on the real application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.contracts.work import GiveUp, JobContext
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.testing.suite import eventually
from bharat.work.housekeeping import PRUNE
from bharat.work.tables import cron_entries
from bharat.work.worker import Runner
from bharat_local_servers.spawning import command
from tests.cli.conftest import Outcome
from tests.work.small import SmallApplication, add, spec, state_of

SOON = timedelta(seconds=30)
Bharat = Callable[..., Outcome]


@pytest.fixture
def environment(database_options: EngineOptions, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_options.url, "BHARAT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def bharat(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Bharat:
    def call(*arguments: str) -> Outcome:
        code = run(cli, arguments, runtime=Runtime(environ=environment))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        # Behind a wish to die with this process, should it be killed before it can clean up.
        words = command([sys.executable, "-m", "bharat", *arguments], death_signal=signal.SIGKILL, drop=False)
        process = subprocess.Popen(words, env=environment, cwd=tmp_path, text=True, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(SOON.total_seconds())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_runs_jobs_until_it_is_told_to_stop(
    database: BharatDatabase, start: Callable[..., subprocess.Popen[str]], number: int
) -> None:
    process = start("worker", "--concurrency", "1", "--no-clock")
    job_id = add(database, PRUNE)
    eventually(lambda: state_of(database, job_id) == "done", within=SOON, what="the worker runs the job")
    assert end(process, number) == 0


def test_a_worker_leaves_other_queues_alone(
    database: BharatDatabase, start: Callable[..., subprocess.Popen[str]]
) -> None:
    other, mine = add(database, PRUNE), add(database, spec(kind=PRUNE.kind, queue="mine"))
    process = start("worker", "--queue", "mine", "--no-clock")
    eventually(lambda: state_of(database, mine) == "done", within=SOON, what="the worker runs its job")
    assert state_of(database, other) == "ready"
    assert end(process) == 0


def test_a_clock_keeps_the_entries_and_runs_no_job(
    database: BharatDatabase, start: Callable[..., subprocess.Popen[str]]
) -> None:
    job_id = add(database, PRUNE)
    process = start("clock")
    names = sa.select(cron_entries.c.name)
    eventually(lambda: len(database.read(None).rows(names)) > 0, within=SOON, what="the clock begins its entries")
    assert state_of(database, job_id) == "ready"
    assert end(process) == 0


@pytest.fixture
def dead(database: BharatDatabase) -> UUID:
    def give_up(job: JobContext) -> None:
        raise GiveUp("they are closed")

    job_id = add(database, spec(give_up))
    Runner(SmallApplication(database).application, {"test.job": spec(give_up)}).run(job_id)
    return job_id


def test_dead_jobs_are_listed_with_their_error(bharat: Bharat, dead: UUID) -> None:
    table = bharat("jobs", "dead")
    assert table.code == 0
    assert [cell in table.out for cell in (str(dead), "test.job", "1/8", "they are closed")] == [True] * 4
    (facts,) = json.loads(bharat("jobs", "list", "--state", "dead", "--json").out)
    assert (facts["id"], facts["error"], facts["state"]) == (str(dead), "they are closed", "dead")
    assert bharat("jobs", "list", "--state", "ready").out == "no such jobs\n"


def test_a_dead_job_is_replayed_by_its_id(bharat: Bharat, database: BharatDatabase, dead: UUID) -> None:
    assert bharat("jobs", "replay", str(uuid4())).out == "replayed 0 dead jobs\n"
    assert bharat("jobs", "replay", str(dead)).out == "replayed 1 dead job\n"
    assert state_of(database, dead) == "ready"


def test_dead_jobs_are_discarded_only_when_asked_for_plainly(bharat: Bharat, dead: UUID) -> None:
    unclear = bharat("jobs", "discard", "--yes")
    assert (unclear.code, "say which" in unclear.err) == (2, True)
    assert json.loads(bharat("jobs", "discard", "--all", "--yes", "--json").out) == {"discarded": 1}
    assert bharat("jobs", "dead").out == "no such jobs\n"


def test_a_job_whose_key_is_held_is_named(bharat: Bharat, database: BharatDatabase) -> None:
    def give_up(job: JobContext) -> None:
        raise GiveUp("no")

    kind = spec(give_up)
    job_id = add(database, kind, unique_key="one")
    Runner(SmallApplication(database).application, {kind.kind: kind}).run(job_id)
    add(database, kind, unique_key="one")
    outcome = bharat("jobs", "replay", "--all")
    assert outcome.code == 1
    assert f"{job_id} stays dead" in outcome.err
