"""Users without a login and their teams come from a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.tables import teams, users
from bharat.contracts.errors import Invalid
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.audit import audit_entries
from bharat.records.importing import Counts, CsvFile, ImportOptions, Rejected
from bharat.records.importing.users import import_users


class People:
    def __init__(self, database: BharatDatabase, organisation_id: UUID) -> None:
        self._database, self._organisation_id = database, organisation_id

    def load(self, text: str, **options: Any) -> tuple[Counts, list[tuple[int, str, str]]]:
        rejected: list[Rejected] = []
        counts = import_users(
            CsvFile([text.encode()]),
            lambda: self._database.write(self._organisation_id, SYSTEM),
            ImportOptions(**options),
            rejected=rejected.append,
        )
        return counts, [(row.line, fault.column, fault.reason) for row in rejected for fault in row.faults]

    def all(self) -> list[tuple[Any, ...]]:
        """Each user's name, role, team and the team's lead."""
        lead = users.alias("lead")
        statement = (
            sa.select(users.c.name, users.c.role, teams.c.name, lead.c.name)
            .select_from(
                users.outerjoin(teams, teams.c.id == users.c.team_id).outerjoin(lead, lead.c.id == teams.c.lead_id)
            )
            .order_by(users.c.name)
        )
        return [tuple(row) for row in self._database.read(self._organisation_id).rows(statement)]

    def regions(self) -> dict[str, str | None]:
        rows = self._database.read(self._organisation_id).rows(sa.select(teams.c.name, teams.c.region))
        return {row.name: row.region for row in rows}

    def everything(self) -> list[list[tuple[Any, ...]]]:
        reader = self._database.read(self._organisation_id)
        return [[tuple(row) for row in reader.rows(sa.select(table))] for table in (users, teams, audit_entries)]


@pytest.fixture
def people(database: BharatDatabase, organisation_id: UUID) -> People:
    return People(database, organisation_id)


def test_agents_are_put_into_the_team_that_carries_their_managers_name(people: People) -> None:
    counts, faults = people.load("name,manager\nAsha,Mina Kask\nBo,Mina Kask\n")
    assert (counts.created, faults) == (2, [])
    assert people.all() == [
        ("Asha", "agent", "Mina Kask", "Mina Kask"),
        ("Bo", "agent", "Mina Kask", "Mina Kask"),
        ("Mina Kask", "manager", None, None),
    ]


def test_a_team_that_is_named_keeps_its_name(people: People) -> None:
    people.load("name,team,manager,region\nAsha,East,Mina,Ostsee\n")
    assert people.all()[0] == ("Asha", "agent", "East", "Mina")
    assert people.regions() == {"East": "Ostsee"}
    people.load("name,team,region\nAsha,East,Nordsee\n")
    assert people.regions() == {"East": "Nordsee"}


def test_importing_again_changes_nothing(people: People) -> None:
    text = "name,manager,region,role\nAsha,Mina,East,agent\nBo,Mina,East,viewer\n"
    people.load(text)
    before = people.everything()
    counts, _ = people.load(text)
    assert (counts.unchanged, counts.created, counts.updated) == (2, 0, 0)
    assert people.everything() == before


def test_a_user_who_moves_is_updated(people: People) -> None:
    people.load("name,team\nAsha,East\n")
    counts, _ = people.load("name,team\nAsha,West\n")
    assert counts.updated == 1
    assert people.all() == [("Asha", "agent", "West", None)]


def test_a_user_is_found_by_address_before_the_name(people: People) -> None:
    people.load("name,email\nAsha,asha@acme.example\nAsha,other@acme.example\n")
    counts, _ = people.load("name,email\nAsha Rao,ASHA@acme.example\n")
    assert counts.updated == 1
    assert [row[0] for row in people.all()] == ["Asha", "Asha Rao"]


def test_a_name_that_several_users_have_is_rejected(people: People) -> None:
    people.load("name,email\nAsha,asha@acme.example\nAsha,other@acme.example\n")
    _, faults = people.load("name\nAsha\n")
    assert faults == [(2, "", "there are several users named 'Asha': give their addresses")]


def test_rows_that_say_no_user_are_located(people: People) -> None:
    counts, faults = people.load("name,role,email\nAsha,boss,\n,agent,\nBo,agent,nowhere\nCy,,\n")
    assert (counts.created, counts.rejected) == (1, 3)
    assert [(line, column) for line, column, _ in faults] == [(2, "role"), (3, "name"), (4, "email")]


def test_a_file_without_names_is_refused_before_anything_is_written(people: People) -> None:
    with pytest.raises(Invalid, match="no column holds the users' names"):
        people.load("email\na@b.example\n")
    assert people.all() == []
