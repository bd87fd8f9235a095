"""What writers wait for each other about, and what they must not. SQLite has one writer, so this is PostgreSQL's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.seeding import create_user
from bharat.accounts.teams import change_team, find_team
from bharat.accounts.users import change_user, find_user
from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM, Principal, Role
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


def second_administrator(database: BharatDatabase, do: Actions) -> UUID:
    """Somebody with a login, so that the first may be demoted."""
    with database.write(do.people.organisation_id, SYSTEM) as unit:
        return create_user(unit, name="Second", role=Role.ADMIN, email="second@acme.example", password_hash="x")


def demotion_ends(database: BharatDatabase, do: Actions, owner: Principal, seconds: float = 5) -> bool:
    """Whether the administrator can be demoted while somebody writes records for `owner`."""
    second_administrator(database, do)
    people = do.people

    def write(unit: Unit) -> None:
        do.kit.records("deal").writer.create(unit, people.admin, {"name": "A", "owner_id": str(owner.user_id)})

    def demote() -> None:
        with database.write(people.organisation_id, SYSTEM) as unit:
            change_user(unit, find_user(unit, people.admin.user_id, lock="change"), {"role": Role.AGENT})

    with another(database, do) as act:
        act(write)
        return ends(demote, seconds)


@pytest.mark.parametrize("owner", ["admin", "agent"])
def test_an_administrator_is_demoted_while_records_are_written(
    database: BharatDatabase, do: Actions, owner: str
) -> None:
    """The records refer to the organisation and to their owner. Were these locked as if for deletion, the writer's next row could
    wait for who waits for the writer."""
    assert demotion_ends(database, do, getattr(do.people, owner))


@pytest.mark.parametrize("owner", ["admin", "agent"])
def test_locked_as_for_deletion_the_administrator_waits(
    database: BharatDatabase, do: Actions, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant of `key_share=lock == "change"` in `locked`."""
    for_update = sa.Select.with_for_update
    monkeypatch.setattr(sa.Select, "with_for_update", lambda self, **_: for_update(self))
    assert not demotion_ends(database, do, getattr(do.people, owner), seconds=1)


def test_records_are_written_for_an_administrator_who_is_being_demoted(database: BharatDatabase, do: Actions) -> None:
    second_administrator(database, do)
    people = do.people

    def demote(unit: Unit) -> None:
        change_user(unit, find_user(unit, people.admin.user_id, lock="change"), {"role": Role.AGENT})

    with another(database, do) as act:
        act(demote)
        assert ends(lambda: do.create("deal", people.admin, name="A"))


def test_a_team_is_changed_while_records_of_it_are_written(database: BharatDatabase, do: Actions) -> None:
    people = do.people

    def write(unit: Unit) -> None:
        do.kit.records("deal").writer.create(unit, people.agent, {"name": "A"})

    def change() -> None:
        with database.write(people.organisation_id, SYSTEM) as unit:
            change_team(unit, find_team(unit, people.east, lock="change"), {"region": "Nordics"})

    with another(database, do) as act:
        act(write)
        assert ends(change)


def test_a_record_is_changed_whatever_its_version_while_others_refer_to_it(
    database: BharatDatabase, do: Actions
) -> None:
    company = do.create("company", name="Acme")

    def refer(unit: Unit) -> None:
        do.kit.records("deal").writer.create(unit, do.people.admin, {"name": "A", "company": str(company["id"])})

    with another(database, do) as act:
        act(refer)
        assert ends(lambda: do.update("company", company["id"], employees=5))
