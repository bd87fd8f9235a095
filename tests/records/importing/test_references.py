"""Names become ids, a batch at a time, with a memory that is bounded."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.tables import users
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.records import Kit
from bharat.records.importing import CsvFile, Importer, ImportOptions, Rejected, references
from bharat.records.importing.references import Name, Names, Unresolved
from bharat.records.tables import USER
from tests.records.conftest import Actions
from tests.records.sample import People


@pytest.fixture
def companies(kit: Kit) -> Names:
    return Names("company", None, kit.records("company").resource, kit.permissions, None)


def resolved(names: Names, database: BharatDatabase, people: People, *batch: str) -> list[UUID]:
    asked = [Name(text) for text in batch]
    names.find(database.read(people.organisation_id), asked)
    return [names.resolve(name) for name in asked]


def test_a_batch_finds_its_names_when_more_are_known_than_are_remembered(
    companies: Names, database: BharatDatabase, people: People, do: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 3)
    ids = {name: do.create("company", name=name)["id"] for name in "abcdefgh"}
    for batch in ("abc", "adef", "abcdefgh", "h", "gha", "bcd"):
        assert resolved(companies, database, people, *batch) == [ids[name] for name in batch]


def test_an_id_is_known_again_in_the_next_batch(
    companies: Names, database: BharatDatabase, people: People, do: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 2)
    ids = [do.create("company", name=name)["id"] for name in "abc"]
    for batch in (ids[:2], ids, ids[:1]):
        assert resolved(companies, database, people, *(str(id).upper() for id in batch)) == batch


def test_names_beyond_the_memory_are_forgotten(
    companies: Names, database: BharatDatabase, people: People, do: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 2)
    for name in "abcd":
        do.create("company", name=name)
    resolved(companies, database, people, *"abcd")
    resolved(companies, database, people, "d")
    with pytest.raises(Unresolved):
        companies.resolve(Name("a"))


def test_a_target_made_in_passing_does_not_push_out_the_names_of_later_rows(
    kit: Kit, database: BharatDatabase, people: People, do: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 2)
    ids = {name: do.create("company", name=name)["id"] for name in ("Acme", "Zeta")}
    rejected: list[Rejected] = []
    importer = Importer(kit, "deal", None, ImportOptions(create_missing=frozenset({"company"})))
    file = CsvFile([b"name,company\n1,New\n2,Acme\n3,Zeta\n"])
    importer.run(file, lambda: database.write(people.organisation_id, SYSTEM), rejected=rejected.append)
    assert rejected == []
    deals = kit.table("deal")
    found = database.read(people.organisation_id).rows(sa.select(deals.c.name, deals.c.company))
    assert {name: id for name, id in map(tuple, found) if name != "1"} == {"2": ids["Acme"], "3": ids["Zeta"]}


def test_somebody_named_in_two_ways_in_a_large_batch_is_one_person(
    kit: Kit, database: BharatDatabase, people: People
) -> None:
    asha = people.agent.user_id
    with database.write(people.organisation_id, SYSTEM) as unit:
        unit.execute(users.update().where(users.c.id == asha).values(name="Asha", email="zoe@acme.example"))
    names = Names(USER, None, None, kit.permissions, None)
    batch = [Name("Asha"), Name("zoe@acme.example"), *(Name(f"m{number}") for number in range(600))]
    names.find(database.read(people.organisation_id), batch)
    assert [names.resolve(name) for name in batch[:2]] == [asha, asha]
