"""Importing files into records: by name, row by row, again and again."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.accounts.tables import teams, users
from bharat.contracts.database import Unit
from bharat.contracts.errors import MAX_FAULTS, Forbidden, Invalid, TooLarge
from bharat.contracts.principal import SYSTEM, Principal
from bharat.data import BharatDatabase
from bharat.data.audit import audit_entries
from bharat.data.ids import new_id
from bharat.records import Kit
from bharat.records.custom_fields import custom_fields
from bharat.records.importing import Counts, CsvFile, Importer, ImportOptions, Rejected, references
from bharat.records.importing.buffered import BufferedUnit
from bharat.records.importing.importer import MOST_PASSES
from bharat.work.tables import events
from tests.records.conftest import Actions
from tests.records.sample import People

Fault = tuple[int, str, str]


class Desk:
    """Imports texts and looks at what became of them."""

    def __init__(self, kit: Kit, database: BharatDatabase, people: People) -> None:
        self.kit, self.database, self.people = kit, database, people
        self.units = 0

    def run(
        self, type: str, text: str | bytes, by: Principal | None = None, **options: Any
    ) -> tuple[Counts, list[Fault]]:
        """The counts, and each fault as (line, column, reason)."""
        rejected: list[Rejected] = []
        content = text.encode() if isinstance(text, str) else text
        importer = Importer(self.kit, type, by, ImportOptions(**options))
        counts = importer.run(CsvFile([content]), lambda: self._unit(by), rejected=rejected.append)
        return counts, [(row.line, fault.column, fault.reason) for row in rejected for fault in row.faults]

    @contextmanager
    def _unit(self, by: Principal | None) -> Iterator[Unit]:
        self.units += 1
        with self.database.write(self.people.organisation_id, by.actor if by else SYSTEM) as unit:
            yield unit

    def rows(self, type: str, *names: str) -> list[tuple[Any, ...]]:
        """The live records' fields, in the order of their names."""
        table = self.kit.table(type)
        statement = sa.select(*(table.c[name] for name in names)).where(table.c.deleted_at.is_(None))
        found = self.database.read(self.people.organisation_id).rows(statement.order_by(table.c.name))
        return [tuple(row) for row in found]

    def everything(self, type: str) -> dict[str, list[str]]:
        reader = self.database.read(self.people.organisation_id)
        tables = (self.kit.table(type), audit_entries, events)
        return {table.name: sorted(repr(tuple(row)) for row in reader.rows(sa.select(table))) for table in tables}


@pytest.fixture
def desk(kit: Kit, database: BharatDatabase, people: People) -> Desk:
    return Desk(kit, database, people)


def counted(counts: Counts) -> Mapping[str, int]:
    names = ("created", "updated", "unchanged", "rejected")
    return {name: getattr(counts, name) for name in names if getattr(counts, name)}


def test_columns_fill_the_fields_of_their_names(desk: Desk) -> None:
    counts, faults = desk.run("company", "Name,employees,Revenue,revenue-currency\nAcme,12,10.50,EUR\nZeta,,,\n")
    assert (counted(counts), faults) == ({"created": 2}, [])
    found = desk.rows("company", "name", "employees", "revenue", "revenue_currency")
    assert [(name, employees, str(revenue), code) for name, employees, revenue, code in found] == [
        ("Acme", 12, "10.5000", "EUR"),
        ("Zeta", None, "None", None),
    ]


def test_a_mapped_column_fills_another_field_and_may_fill_several(desk: Desk) -> None:
    desk.run("deal", "title,mail\na@b.example,x\n", columns={"title": ("name", "email")}, ignore=frozenset({"mail"}))
    assert desk.rows("deal", "name", "email") == [("a@b.example", "a@b.example")]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("name,employes", {}, "company has no field 'employes'; did you mean employees"),
        ("name,x", {"columns": {"x": ("nothing",)}}, "company has no field 'nothing'"),
        ("name", {"columns": {"nam": ("name",)}}, "the file has no column 'nam'; did you mean name"),
        ("name,title", {"columns": {"title": ("name",)}}, "'name' and 'title' both fill name"),
        ("name,x", {"columns": {"x": ("version",)}}, "company.version is set by Bharat and can't be imported"),
        ("name", {"key": ("employees",)}, "the key employees is filled by no column"),
        ("name", {"key": ("size",)}, "company has no field 'size'"),
        ("name,parent.employees", {}, "can't be looked for by 'employees'; use id or name"),
        ("name", {"batch": 0}, "the batch must have 1 to 10000 rows"),
        (
            "name,employees,revenue,revenue_currency",
            {"batch": 10_000, "key": ("name", "employees", "revenue", "revenue_currency")},
            "a batch of 10000 rows is too large for a key of 4 fields",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_and_options_that_fit_nothing_are_refused_before_anything_is_written(
    desk: Desk, header: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        desk.run("company", f"{header}\n{','.join('x' for _ in header.split(','))}\n", **options)
    assert desk.rows("company", "name") == []


def test_the_faults_of_a_wide_header_and_many_options_stay_short(desk: Desk) -> None:
    header = ",".join(f"{number}{'x' * 1000}" for number in range(500))
    options: dict[str, Any] = {"ignore": frozenset(f"{number}{'y' * 1000}" for number in range(900))}
    with pytest.raises(Invalid) as refused:
        desk.run("company", f"{header}\n", **options)
    assert len(refused.value.faults) == MAX_FAULTS
    assert max(len(fault.path) + len(fault.detail) for fault in refused.value.faults) < 1000
    with pytest.raises(Invalid) as refused:
        desk.run("company", f"{header}\n")
    assert len(refused.value.faults) == MAX_FAULTS
    assert max(len(fault.path) + len(fault.detail) for fault in refused.value.faults) < 1000


def test_what_bharat_sets_itself_is_passed_over(desk: Desk) -> None:
    counts, _ = desk.run("company", "name,version,created_at,#reason\nAcme,7,2001-01-01,late\n")
    assert counts.skipped_columns == ["version", "created_at"]
    assert desk.rows("company", "name", "version") == [("Acme", 1)]


def test_rows_that_can_not_be_imported_are_located_and_hold_up_no_others(desk: Desk) -> None:
    text = b"name,employees,revenue\nAcme,many,x\nZeta,1\n\nBeta,-1,\nOm\xe9ga,,\nGood,1,\n,1,\n"
    counts, faults = desk.run("company", text, currency="EUR")
    assert counted(counts) == {"created": 1, "rejected": 5}
    assert desk.rows("company", "name") == [("Good",)]
    assert [(line, column) for line, column, _ in faults] == [
        (2, "employees"), (2, "revenue"), (3, ""), (5, "employees"), (6, "name"), (8, "name"),
    ]  # fmt: skip
    assert faults[2][2] == "the row has 2 cells where the header has 3"


def test_an_amount_without_a_currency_is_rejected(desk: Desk) -> None:
    _, faults = desk.run("company", "name,revenue\nAcme,5\n")
    assert [(line, column) for line, column, _ in faults] == [(2, "revenue")]


def test_null_words_defaults_and_aliases_change_what_a_cell_says(desk: Desk) -> None:
    desk.run(
        "product",
        "name,series\nOne,null\nTwo,GTXPro\nThree,\n",
        nulls=frozenset({"null"}),
        defaults={"series": "Other"},
        aliases={"series": {"GTXPro": "GTX Pro"}},
    )
    assert desk.rows("product", "name", "series") == [("One", "Other"), ("Three", "Other"), ("Two", "GTX Pro")]


def test_a_default_fills_a_field_without_a_column(desk: Desk) -> None:
    desk.run("product", "name\nOne\n", defaults={"series": "GTX"})
    assert desk.rows("product", "name", "series") == [("One", "GTX")]


def test_records_are_named_by_title_or_id_whatever_the_case(desk: Desk, do: Actions) -> None:
    company = do.create("company", name="Straße & Söhne")
    counts, faults = desk.run("deal", f"name,company\nA,STRASSE & SÖHNE\nB,{company['id']}\nC,\n")
    assert (counted(counts), faults) == ({"created": 3}, [])
    assert desk.rows("deal", "name", "company") == [("A", company["id"]), ("B", company["id"]), ("C", None)]


def test_a_name_that_nobody_has_is_an_error_of_its_row(desk: Desk) -> None:
    _, faults = desk.run("deal", f"name,company\nA,Nowhere\nB,{new_id()}\n")
    assert faults[0] == (2, "company", "there is no company named 'Nowhere'")
    assert faults[1][:2] == (3, "company")


def test_a_name_that_several_have_is_refused(desk: Desk, do: Actions) -> None:
    for _ in range(2):
        do.create("deal", name="Same")
    _, faults = desk.run("deal", "name,deal_before\nNew,Same\n")
    assert faults == [(2, "deal_before", "2 deal records are called 'Same': use the id")]


def test_a_deleted_record_is_not_found_by_name(desk: Desk, do: Actions) -> None:
    do.delete("company", do.create("company", name="Gone")["id"])
    _, faults = desk.run("deal", "name,company\nA,Gone\n")
    assert faults == [(2, "company", "there is no company named 'Gone'")]


def test_owners_are_named_by_name_and_bring_their_team(desk: Desk, people: People) -> None:
    desk.run("deal", "name,owner\nA,asha\nB,Wim\n")
    assert desk.rows("deal", "owner_id", "team_id") == [
        (people.agent.user_id, people.east),
        (people.stranger.user_id, people.west),
    ]


def test_a_missing_target_is_made_when_that_is_asked_for(desk: Desk, people: People) -> None:
    options: dict[str, Any] = {"create_missing": frozenset({"company", "team"})}
    counts, faults = desk.run("deal", "name,company,team\nA,New,North\nB,New,North\n", **options)
    assert (counted(counts), faults) == ({"created": 2}, [])
    assert desk.rows("company", "name") == [("New",)]
    found = desk.database.read(people.organisation_id).rows(sa.select(teams.c.id).where(teams.c.name == "North"))
    assert {row[0] for row in desk.rows("deal", "team_id")} == {found[0].id}


def test_users_are_not_made_in_passing(desk: Desk) -> None:
    with pytest.raises(Invalid, match="users are not made from a name in passing"):
        desk.run("deal", "name,owner\nA,Newcomer\n", create_missing=frozenset({"owner"}))


def test_a_team_that_is_made_in_passing_gets_a_name_that_teams_may_have(desk: Desk) -> None:
    counts, faults = desk.run("deal", f"name,team\nA,{'x' * 150}\nB,East\n", create_missing=frozenset({"team"}))
    assert counted(counts) == {"created": 1, "rejected": 1}
    assert faults == [(2, "team", "The name must have at most 100 characters.")]


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_a_row_may_name_one_that_comes_later(desk: Desk, batch: int) -> None:
    text = "name,parent\nLeaf,Branch\nBranch,Trunk\nOther,\nTrunk,\n"
    counts, faults = desk.run("company", text, batch=batch)
    assert (counted(counts), faults) == ({"created": 4}, [])
    assert counts.rows == 4
    ids = dict(desk.rows("company", "name", "id"))
    assert dict(desk.rows("company", "name", "parent")) == {
        "Branch": ids["Trunk"], "Leaf": ids["Branch"], "Other": None, "Trunk": None,
    }  # fmt: skip


@pytest.mark.parametrize("batch", [200, 7])
def test_a_group_may_be_as_deep_as_it_is_in_a_file_in_order(desk: Desk, batch: int) -> None:
    """Deeper than there are passes through the file."""
    rows = [f"C{number},{f'C{number - 1}' if number else ''}\n" for number in range(2 * MOST_PASSES)]
    counts, faults = desk.run("company", f"name,parent\n{''.join(rows)}", batch=batch)
    assert (counted(counts), faults) == ({"created": 2 * MOST_PASSES}, [])


def test_rows_that_wait_for_each_other_are_rejected(desk: Desk) -> None:
    counts, faults = desk.run("company", "name,parent\nHen,Egg\nEgg,Hen\nFree,\n")
    assert counted(counts) == {"created": 1, "rejected": 2}
    assert faults == [
        (2, "parent", "there is no company named 'Egg'"),
        (3, "parent", "there is no company named 'Hen'"),
    ]


def test_a_key_updates_what_is_there_and_an_unchanged_row_is_not_written(desk: Desk) -> None:
    desk.run("company", "name,employees\nAcme,1\nZeta,2\n", key=("name",))
    counts, _ = desk.run("company", "name,employees\nACME,1\nZeta,3\nNew,\n", key=("name",))
    assert counted(counts) == {"created": 1, "updated": 2}
    counts, _ = desk.run("company", "name,employees\nACME,1\nZeta,3\nNew,\n", key=("name",))
    assert counted(counts) == {"unchanged": 3}
    assert desk.rows("company", "name", "employees", "version") == [("ACME", 1, 2), ("New", None, 1), ("Zeta", 3, 2)]


def test_importing_again_changes_no_row_no_audit_entry_and_no_event(desk: Desk, do: Actions) -> None:
    do.create("company", name="Acme")
    text = "name,company,amount,amount_currency,hot,owner\nA,Acme,1.5,EUR,yes,Asha\nB,,,,no,\n"
    desk.run("deal", text, key=("name",))
    before = desk.everything("deal")
    counts, _ = desk.run("deal", text, key=("name",))
    assert counted(counts) == {"unchanged": 2}
    assert desk.everything("deal") == before


def test_an_empty_cell_empties_the_field(desk: Desk) -> None:
    desk.run("company", "name,employees,revenue,revenue_currency\nAcme,1,5,EUR\n", key=("name",))
    desk.run("company", "name,employees,revenue\nAcme,,\n", key=("name",))
    assert desk.rows("company", "employees", "revenue", "revenue_currency") == [(None, None, None)]


def test_a_key_of_several_fields_counts_as_one(desk: Desk) -> None:
    text = "series,name,price\nA,One,1\nA,Two,2\nB,One,3\n"
    desk.run("product", text, key=("series", "name"))
    counts, _ = desk.run("product", text.replace("B,One,3", "B,One,4"), key=("series", "name"))
    assert counted(counts) == {"updated": 1, "unchanged": 2}


def test_a_key_that_comes_twice_in_a_file_updates_the_first(desk: Desk) -> None:
    counts, _ = desk.run("company", "name,employees\nAcme,1\nacme,2\nAcme,2\n", key=("name",))
    assert counted(counts) == {"created": 1, "updated": 2}
    assert desk.rows("company", "name", "employees") == [("Acme", 2)]


def test_an_empty_key_is_rejected(desk: Desk) -> None:
    _, faults = desk.run("deal", "name,email\nA,\n", key=("email",))
    assert faults == [(2, "", "the key is empty")]


def test_a_column_of_ids_is_a_key_by_itself(desk: Desk, do: Actions) -> None:
    company = do.create("company", name="Acme")
    counts, faults = desk.run("company", f"id,name\n{company['id']},Renamed\n,New\n{new_id()},Foreign\n")
    assert counted(counts) == {"created": 1, "updated": 1, "rejected": 1}
    assert faults == [(4, "", "there is no record with this id; leave the id empty to create one")]
    assert desk.rows("company", "name") == [("New",), ("Renamed",)]


def test_a_duplicate_within_a_batch_rejects_that_row_alone(desk: Desk) -> None:
    counts, faults = desk.run("company", "name\nAcme\nZeta\nACME\nBeta\n")
    assert counted(counts) == {"created": 3, "rejected": 1}
    assert [fault[:2] for fault in faults] == [(4, "name")]
    assert desk.rows("company", "name") == [("Acme",), ("Beta",), ("Zeta",)]


def test_a_row_that_a_rule_refuses_is_rejected_with_the_rules_words(desk: Desk) -> None:
    counts, faults = desk.run("deal", "name,stage\nA,open\nB,lost\nC,won\n")
    assert counted(counts) == {"created": 2, "rejected": 1}
    assert faults == [(3, "reason", "is required when a deal is lost")]


def test_a_row_refused_after_it_was_written_leaves_nothing_behind(
    desk: Desk, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = kit.records("company").writer
    whole = writer.create

    def refuse_late(unit: Unit, principal: Principal | None, body: Any, **more: Any) -> Any:
        record = whole(unit, principal, body, **more)
        if body["name"] == "Bad":
            raise Invalid("too late")
        return record

    monkeypatch.setattr(writer, "create", refuse_late)
    before = desk.everything("company")
    counts, faults = desk.run("company", "name\nBad\n")
    assert (counted(counts), faults) == ({"rejected": 1}, [(2, "", "too late")])
    assert desk.everything("company") == before
    counts, _ = desk.run("company", "name\nAcme\nBad\nZeta\n")
    assert counted(counts) == {"created": 2, "rejected": 1}
    assert desk.rows("company", "name") == [("Acme",), ("Zeta",)]


def test_that_test_notices_a_row_that_is_not_taken_back(desk: Desk, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The protected line is `unit.forget_row()` in `bharat.records.importing.batch`."""
    monkeypatch.setattr(BufferedUnit, "forget_row", lambda self: None)
    with pytest.raises(AssertionError):
        test_a_row_refused_after_it_was_written_leaves_nothing_behind(desk, kit, monkeypatch)


def test_a_row_that_is_refused_before_it_is_written_leaves_the_others_together(
    desk: Desk, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that reads the records runs those of the rows before; they need not be written a second time, one by one."""
    writer, table = kit.records("company").writer, kit.table("company")
    whole = writer.create
    written: list[str] = []

    def refuse_early(unit: Unit, principal: Principal | None, body: Any, **more: Any) -> Any:
        written.append(body["name"])
        assert unit.scalar(sa.select(sa.func.count()).select_from(table)) == written.index(body["name"])
        if body["name"] == "Bad":
            raise Invalid("too early")
        return whole(unit, principal, body, **more)

    monkeypatch.setattr(writer, "create", refuse_early)
    counts, faults = desk.run("company", "name\nAcme\nBeta\nBad\n")
    assert (counted(counts), faults) == ({"created": 2, "rejected": 1}, [(4, "", "too early")])
    assert written == ["Acme", "Beta", "Bad"]


def test_custom_fields_are_imported(desk: Desk, people: People) -> None:
    now = desk.database.clock.now()
    row = {
        "id": new_id(), "record_type": "company", "name": "tier", "kind": "choice", "required": False,
        "options": ["gold", "tin"], "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip
    with desk.database.write(people.organisation_id, SYSTEM) as unit:
        unit.execute(custom_fields.insert(), row)
    text = "name,custom.tier\nAcme,Gold\nZeta,\nBad,iron\n"
    counts, faults = desk.run("company", text, key=("name",))
    assert counted(counts) == {"created": 2, "rejected": 1}
    assert faults == [(4, "custom.tier", "must be one of gold, tin")]
    assert desk.rows("company", "custom") == [({"tier": "gold"},), ({},)]
    counts, _ = desk.run("company", text.replace("Zeta,", "Zeta,tin"), key=("name",))
    assert counted(counts) == {"updated": 1, "unchanged": 1, "rejected": 1}


def test_an_agent_imports_what_is_its_own(desk: Desk, people: People) -> None:
    desk.run("deal", "name\nA\n", people.agent)
    assert desk.rows("deal", "owner_id", "team_id", "created_by") == [
        (people.agent.user_id, people.east, people.agent.user_id)
    ]


def test_an_agent_can_not_import_for_another(desk: Desk, people: People) -> None:
    _, faults = desk.run("deal", "name,owner\nA,Wim\n", people.agent)
    assert [fault[:2] for fault in faults] == [(2, "owner")]


@pytest.mark.parametrize("by", ["email", None])
def test_a_file_tells_an_agent_of_no_address_but_the_own(desk: Desk, people: People, by: str | None) -> None:
    """Protected by `_seeing`: the endpoint of users shows addresses to administrators and to oneself only."""
    addresses_given(desk, people)
    columns = {"owner": ("owner" if by is None else f"owner.{by}",)}
    for address in ("WIM@acme.example", "nobody@acme.example"):
        _, faults = desk.run("deal", f"name,owner\nA,{address}\n", people.agent, columns=columns)
        assert [(line, column, reason.replace(address, "…")) for line, column, reason in faults] == [
            (2, "owner", "there is no user " + ("whose email is '…'" if by else "named '…'"))
        ]
    assert desk.rows("deal", "name") == []
    desk.run("deal", "name,owner\nA,ASHA@acme.example\n", people.agent, columns=columns)
    assert desk.rows("deal", "owner_id") == [(people.agent.user_id,)]


@pytest.mark.parametrize("role", ["admin", None])
def test_administrators_and_operators_name_owners_by_address(desk: Desk, people: People, role: str | None) -> None:
    addresses_given(desk, people)
    desk.run("deal", "name,owner\nA,WIM@acme.example\n", None if role is None else people.admin)
    assert desk.rows("deal", "owner_id") == [(people.stranger.user_id,)]


def test_mutant_that_looks_for_every_address_tells_an_agent_who_has_it(
    desk: Desk, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "_seeing", lambda *_: users.c.email)
    addresses_given(desk, people)
    _, faults = desk.run("deal", "name,owner\nA,wim@acme.example\n", people.agent)
    assert "there is no" not in faults[0][2]


def addresses_given(desk: Desk, people: People) -> None:
    with desk.database.write(people.organisation_id, SYSTEM) as unit:
        for person, address in ((people.agent, "asha@acme.example"), (people.stranger, "wim@acme.example")):
            unit.execute(users.update().where(users.c.id == person.user_id).values(email=address))


def test_an_agent_can_not_update_a_strangers_record_by_its_key(desk: Desk, people: People, do: Actions) -> None:
    do.create("deal", people.stranger, name="Theirs", email="x@y.example")
    _, faults = desk.run("deal", "name,email\nMine,x@y.example\n", people.agent, key=("email",))
    # The same as creating one would: a key that is unique can be tried there too.
    assert faults == [(2, "email", "another deal has this email already")]
    assert desk.rows("deal", "name") == [("Theirs",)]


def test_a_record_that_may_not_be_seen_is_not_found_by_name(desk: Desk, people: People, do: Actions) -> None:
    do.create("deal", people.stranger, name="Theirs")
    _, faults = desk.run("deal", "name,deal_before\nMine,Theirs\n", people.agent)
    assert faults == [(2, "deal_before", "there is no deal named 'Theirs'")]


def test_a_viewer_imports_nothing(desk: Desk, people: People) -> None:
    with pytest.raises(Forbidden):
        desk.run("deal", "name\nA\n", people.viewer)


def test_too_many_rows_are_refused(desk: Desk) -> None:
    with pytest.raises(TooLarge, match="more than 2 rows"):
        desk.run("company", "name\nA\nB\nC\n", max_rows=2, batch=10)
    assert desk.rows("company", "name") == []


def test_each_batch_is_a_unit_of_its_own(desk: Desk) -> None:
    desk.run("company", "name\n" + "".join(f"C{number}\n" for number in range(7)), batch=3)
    assert desk.units == 1 + 3  # one to read the custom fields


@pytest.mark.parametrize("rows", [50, 400])
def test_a_batch_takes_few_statements_whatever_its_rows(
    desk: Desk, do: Actions, rows: int, count_statements: Callable[[], int]
) -> None:
    do.create("company", name="Acme")
    text = "name,company,email\n" + "".join(f"D{number},Acme,{number}@x.example\n" for number in range(rows))
    before = count_statements()
    counts, _ = desk.run("deal", text, key=("email",))
    assert counts.created == rows
    assert count_statements() - before < 20


@pytest.fixture
def count_statements(database: BharatDatabase) -> Iterator[Callable[[], int]]:
    """How many statements the database was given so far."""
    seen = 0

    def note(*_: Any) -> None:
        nonlocal seen
        seen += 1

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield lambda: seen
    sa.event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_memory_does_not_grow_with_the_file(kit: Kit, database: BharatDatabase, people: People) -> None:
    """Rows that change nothing, and more that are rejected: what is kept of either would add up."""
    hundred = b"".join(b"there %d,1\n" % number + b"rejected,x\n" * 19 for number in range(5))
    importer = Importer(kit, "deal", None, ImportOptions(key=("name",), batch=500))
    held: dict[int, int] = {}

    def chunks() -> Iterator[bytes]:
        yield b"name,score\n"
        for _ in range(500):
            yield hundred

    def note(counts: Counts) -> None:
        if counts.rows in (1_000, 50_000):
            gc.collect()
            held[counts.rows] = sys.getallocatedblocks()

    open_unit = partial(database.write, people.organisation_id, SYSTEM)
    counts = importer.run(CsvFile(chunks()), open_unit, rejected=lambda _: None, progress=note)
    assert (counts.rows, counts.rejected) == (50_000, 47_500)
    assert held[50_000] < held[1_000] + 5_000, "one object for every tenth row is kept"
