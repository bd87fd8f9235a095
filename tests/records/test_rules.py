"""A rule that writes by the change's unit finds it the same however the record came: alone, in bulk or from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.sql.dml import Insert

from bharat.accounts.tables import teams
from bharat.contracts.principal import SYSTEM
from bharat.contracts.records import Change
from bharat.data import BharatDatabase, new_id
from bharat.records import Kit
from bharat.records.importing import CsvFile, Importer, ImportOptions
from bharat.records.importing.buffered import BufferedUnit
from tests.records.conftest import Api
from tests.records.sample import People

Given = Callable[[Kit], None]


def makes_a_team(change: Change) -> None:
    """Asks for the result of its insert."""
    at = change.unit.at
    name = f"of {change.values['name']}"
    row = {"id": new_id(), "name": name, "version": 1, "created_at": at, "updated_at": at}
    assert change.unit.execute(teams.insert(), row).rowcount != 0  # some drivers do not count: -1


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Gives companies the rule."""

    def give(kit: Kit) -> None:
        resource = kit.records("company").resource
        monkeypatch.setattr(resource, "type", replace(resource.type, after_save=(makes_a_team,)))

    return give


def made(database: BharatDatabase, organisation_id: UUID) -> list[str]:
    found = database.read(organisation_id).rows(sa.select(teams.c.name).where(teams.c.name.startswith("of ")))
    return sorted(row.name for row in found)


def test_over_rest_and_in_bulk(api: Api, people: People, given: Given) -> None:
    given(api.app.records)
    assert api(people.admin, "POST", "/companies", {"name": "A"}).status == 201
    assert api(people.admin, "POST", "/companies/bulk", {"create": [{"name": "B"}, {"name": "C"}]}).status == 200
    assert made(api.app.database, people.organisation_id) == ["of A", "of B", "of C"]


def an_import(kit: Kit, database: BharatDatabase, people: People) -> None:
    importer = Importer(kit, "company", None, ImportOptions())
    counts = importer.run(
        CsvFile([b"name\nA\nB\n"]), lambda: database.write(people.organisation_id, SYSTEM), rejected=print
    )
    assert counts.created == 2
    assert made(database, people.organisation_id) == ["of A", "of B"]


def test_in_an_import(kit: Kit, database: BharatDatabase, people: People, given: Given) -> None:
    """Protected: `BufferedUnit.execute` runs its statement; only what is appended waits."""
    given(kit)
    an_import(kit, database, people)


def test_mutant_that_puts_off_every_insert_has_no_result_for_the_rule(
    kit: Kit, database: BharatDatabase, people: People, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(kit)
    execute = BufferedUnit.execute

    def put_off(self: BufferedUnit, statement: sa.Executable, parameters: Any = None) -> Any:
        if isinstance(statement, Insert):
            return self.append(cast(sa.Table, statement.table), parameters)
        return execute(self, statement, parameters)

    monkeypatch.setattr(BufferedUnit, "execute", put_off)
    with pytest.raises(AttributeError):
        an_import(kit, database, people)
