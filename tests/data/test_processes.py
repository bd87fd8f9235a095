"""Greenlets, forks and several processes on one database."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences, fences
from tests.data.conftest import Pair


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.data.programs.{program}", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output(process: subprocess.Popen[str], line: str = "") -> str:
    """What it printed; fails when it ended with an error or not at all."""
    with process:
        try:
            printed, _ = process.communicate(line, timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    return printed


def test_greenlets_that_yield_inside_a_unit_do_not_stop_each_other(database_options: EngineOptions, pair: Pair) -> None:
    printed = output(start("greenlets", database_options.url, str(pair.acme)))
    assert printed == "101"


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_greenlet_waits_for_the_database_without_holding_up_others(
    database_options: EngineOptions, pair: Pair
) -> None:
    seen = json.loads(output(start("cooperation", database_options.url, str(pair.acme))))
    assert seen == {
        "waits": True,
        "gets the lock": "ended",
        "closed": "OperationalError",
        "terminated": "AdminShutdown",
        "after time-outs": 1,
        "class": "CooperativeConnection",
    }


def test_a_forked_child_uses_nothing_of_its_parents(database_options: EngineOptions, pair: Pair) -> None:
    seen = json.loads(output(start("forks", database_options.url, str(pair.acme))))
    assert seen["status"] == 0
    if database_options.url.startswith("postgresql"):
        assert seen["names"] == ["acme", "after", "before", "child"]
        assert seen["childs"] not in [*seen["mine"], seen["again"]]
    else:
        assert seen["names"] == ["acme", "after", "before"]
        assert "a forked child can't use the SQLite file its parent opened" in seen["childs"]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_forgetting_a_child_talks_on_its_parents_connection(
    database_options: EngineOptions, pair: Pair
) -> None:
    """Mutant of the one above: no engine is known to `engine._forget_connections`."""
    seen = json.loads(output(start("forks", database_options.url, str(pair.acme), "unprotected")))
    assert seen["childs"] in seen["mine"]


def test_fencing_tokens_strictly_rise_whoever_asks(database: BharatDatabase, database_options: EngineOptions) -> None:
    processes = [start("fences", database_options.url, "25") for _ in range(8)]
    issued = [[int(token) for token in output(process).split()] for process in processes]
    assert all(tokens == sorted(tokens) for tokens in issued)
    assert sorted(token for tokens in issued for token in tokens) == list(range(1, 201))
    issuer = DatabaseFences(database)
    assert issuer.issue("nightly") == 201
    assert issuer.issue("another") == 1


def few_counters_serve_many_names(database: BharatDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat.data.fences.SLOTS", 4)
    issuer = DatabaseFences(database)
    names = [f"record:{number}" for number in range(40)]
    first, second = ([issuer.issue(name) for name in names] for _ in range(2))
    assert all(after > before for before, after in zip(first, second, strict=True))
    assert database.read(None).scalar(sa.select(sa.func.count()).select_from(fences)) <= 4


def test_fences_take_no_more_room_the_more_names_there_are(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `slot_of`, by which names share a fixed number of counters."""
    few_counters_serve_many_names(database, monkeypatch)


def test_mutant_with_a_counter_for_every_name_takes_ever_more_room(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences.slot_of", lambda name: int(name.partition(":")[2]))
    with pytest.raises(AssertionError):
        few_counters_serve_many_names(database, monkeypatch)
