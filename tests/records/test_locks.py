"""What writers wait for each other about, and what they must not. SQLite has one writer, so this is PostgreSQL's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.data import BharatDatabase
from bharat.records.importing import CsvFile, Importer, ImportOptions
from tests.records.conftest import Actions

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])


@contextmanager
def another(database: BharatDatabase, do: Actions) -> Iterator[Any]:
    """A unit of somebody else's, open until the block ends: call what comes out with what it is to do."""
    people = do.people
    asked, done, over = threading.Event(), threading.Event(), threading.Event()
    acts: list[Any] = []

    def work() -> None:
        with database.write(people.organisation_id, people.admin.actor) as unit:
            asked.wait(10)
            acts[0](unit)
            done.set()
            over.wait(30)

    thread = threading.Thread(target=work)
    thread.start()

    def act(what: Any) -> None:
        acts.append(what)
        asked.set()
        assert done.wait(10)

    try:
        yield act
    finally:
        asked.set()
        over.set()
        thread.join(10)


def ends(run: Any, seconds: float = 5) -> bool:
    """Whether `run` comes to its end while the others stand still."""
    outcome: list[BaseException | None] = []

    def noted() -> None:
        try:
            run()
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=noted, daemon=True)
    thread.start()
    thread.join(seconds)
    if outcome and outcome[0] is not None:
        raise outcome[0]
    return bool(outcome)


def test_an_import_waits_for_no_record_that_its_caller_does_not_reach(database: BharatDatabase, do: Actions) -> None:
    """A wait would tell an agent that somebody has a record with this key, and let strangers hold each other up."""
    agent, table = do.people.agent, do.kit.table("deal")
    hidden = do.create("deal", do.people.stranger, name="Secret", probability="1")

    def hold(unit: Unit) -> None:
        assert unit.row(sa.select(table.c.id).where(table.c.id == hidden["id"]).with_for_update()) is not None

    def bring_in() -> None:
        importer = Importer(do.kit, "deal", agent, ImportOptions(key=("name",)))
        counts = importer.run(
            CsvFile([b"name\nSecret\n"]),
            lambda: database.write(agent.organisation_id, agent.actor),
            rejected=lambda row: None,
        )
        assert counts.created == 1

    with another(database, do) as act:
        act(hold)
        assert ends(bring_in)
