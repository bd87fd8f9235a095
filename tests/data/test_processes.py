"""Greenlets, forks and several processes on one database."""

from __future__ import annotations

import json

import pytest

from bharat.data.engine import EngineOptions
from tests.data.conftest import Pair
from tests.data.started import output, start


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
