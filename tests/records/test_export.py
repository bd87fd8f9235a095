"""Records leave as CSV and come back as they were."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.errors import Malformed
from bharat.contracts.principal import SYSTEM, Principal
from bharat.data import BharatDatabase, new_id
from bharat.records import Kit
from bharat.records import export as export_module
from bharat.records import queries as queries_module
from bharat.records.custom_fields import custom_fields
from bharat.records.export import export_selected
from bharat.records.importing import CsvFile, Importer, ImportOptions
from tests.records.conftest import Actions
from tests.records.sample import People


class Files:
    """Exports and imports again."""

    def __init__(self, kit: Kit, database: BharatDatabase, people: People) -> None:
        self.kit, self.database, self.people = kit, database, people

    def chunks(self, type: str, by: Principal | None = None, query: str = "") -> Iterator[bytes]:
        return export_selected(self.kit, type, self.database.read(self.people.organisation_id), by, query)

    def rows(self, type: str, by: Principal | None = None, query: str = "") -> list[dict[str, str]]:
        text = b"".join(self.chunks(type, by, query)).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def back(self, type: str) -> dict[str, int]:
        content = b"".join(self.chunks(type))
        importer = Importer(self.kit, type, None, ImportOptions())
        counts = importer.run(
            CsvFile([content]),
            lambda: self.database.write(self.people.organisation_id, SYSTEM),
            rejected=lambda row: pytest.fail(str(row)),
        )
        return {"created": counts.created, "updated": counts.updated, "unchanged": counts.unchanged}

    def stored(self, type: str) -> list[str]:
        rows = self.database.read(self.people.organisation_id).rows(sa.select(self.kit.table(type)))
        return sorted(repr(tuple(row)) for row in rows)


@pytest.fixture
def files(kit: Kit, database: BharatDatabase, people: People) -> Files:
    return Files(kit, database, people)


def add_custom_field(files: Files, kind: str) -> None:
    now = files.database.clock.now()
    row = {
        "id": new_id(), "record_type": "deal", "name": kind, "kind": kind, "required": False,
        "options": ["=gold"] if kind == "choice" else [], "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip
    with files.database.write(files.people.organisation_id, SYSTEM) as unit:
        unit.execute(custom_fields.insert(), row)


CUSTOM: dict[str, Any] = {
    "text": "=2+2", "integer": -7, "number": "-1.5", "boolean": False, "date": "2024-02-29", "choice": "=gold",
}  # fmt: skip


def test_every_field_is_a_column_and_owners_are_named_beside_their_id(files: Files, do: Actions) -> None:
    company = do.create("company", files.people.admin, name="Acme")
    do.create(
        "deal", files.people.agent, name="Big", company=str(company["id"]), amount="-0.5".lstrip("-"),
        amount_currency="EUR", hot=True, close_date="2024-02-29",
    )  # fmt: skip
    (row,) = files.rows("deal")
    expected = {
        "name": "Big", "company": str(company["id"]), "amount": "0.5000", "amount_currency": "EUR", "hot": "true",
        "close_date": "2024-02-29", "score": "", "version": "1", "owner_id": str(files.people.agent.user_id),
        "owner": "Asha", "team": "East",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert "deleted_at" not in row


def test_names_of_users_and_teams_are_for_those_who_may_read_them(files: Files, do: Actions) -> None:
    do.create("deal", files.people.agent, name="Big")
    agent = files.people.agent
    for scopes, owner, team in (
        ({"deals:export"}, "", ""),
        ({"deals:export", "users:read"}, "Asha", ""),
        ({"deals:export", "teams:read"}, "", "East"),
        ({"*"}, "Asha", "East"),
    ):
        (row,) = files.rows("deal", replace(agent, scopes=frozenset(scopes), api_key_id=new_id()))
        assert (row["owner_id"], row["owner"], row["team"]) == (str(agent.user_id), owner, team)


def test_no_cell_is_a_formula(files: Files, do: Actions) -> None:
    for kind in CUSTOM:
        add_custom_field(files, kind)
    for risky in ("=1+1", "+1", "-1", "@SUM(A1)", "＝1"):
        do.create("deal", name=risky, reason=f"{risky}\nmore", custom=CUSTOM)
    for row in files.rows("deal"):
        cells = {name: cell for name, cell in row.items() if name not in ("custom.integer", "custom.number")}
        assert not [cell for cell in cells.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]
        assert (row["custom.integer"], row["custom.number"]) == ("-7", "-1.5000")


def test_the_formula_test_notices_cells_that_are_not_neutralised(
    files: Files, do: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protected line is `return neutral(value) if …` in `bharat.records.export`."""
    monkeypatch.setattr(export_module, "neutral", lambda text: text)
    with pytest.raises(AssertionError):
        test_no_cell_is_a_formula(files, do)


def test_importing_an_export_changes_nothing(files: Files, do: Actions) -> None:
    for kind in CUSTOM:
        add_custom_field(files, kind)
    parent = do.create("company", name="'=Parent", revenue="12.3400", revenue_currency="JPY", employees=3)
    do.create("company", name="Child, \"quoted\"; 'and' more", parent=str(parent["id"]))
    do.create(
        "deal", files.people.agent, name="''+Deal", reason="=a\r\n\tb\n", company=str(parent["id"]), probability="0.25",
        called_at="2024-02-29T23:59:59.123456Z", custom=CUSTOM, email="é@example.com",
    )  # fmt: skip
    do.create("deal", name="Plain")
    do.create("product", name="One", price="-0.0001")
    for type, number in (("company", 2), ("deal", 2), ("product", 1)):
        before = files.stored(type)
        assert files.back(type) == {"created": 0, "updated": 0, "unchanged": number}
        assert files.stored(type) == before


def test_it_is_given_out_in_pieces(files: Files, do: Actions, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        do.create("company", name=f"C{number}")
    monkeypatch.setattr(export_module, "BATCH", 2)
    pieces = [piece.count(b"\n") for piece in files.chunks("company")]
    assert pieces == [3, 2, 1]


def turns_between_pieces(files: Files, do: Actions, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many turns others have had when each piece of an export of five records, two at a time, is given out."""
    for number in range(5):
        do.create("company", name=f"C{number}")
    turns: list[None] = []
    monkeypatch.setattr(queries_module, "give_way", lambda: turns.append(None))
    monkeypatch.setattr(export_module, "BATCH", 2)
    return [len(turns) for _ in files.chunks("company")]


def test_others_get_a_turn_between_its_pieces(files: Files, do: Actions, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite never waits: without it the server would stand still until its last record, and be killed for it."""
    assert turns_between_pieces(files, do, monkeypatch) == [0, 1, 2]


def test_a_turn_is_one_for_greenlets_too() -> None:
    """The server's greenlets take turns where the patched `time.sleep` is called, even for no time."""
    script = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent\n"
        "from bharat.data.turns import give_way\n"
        "ran = []\n"
        "gevent.spawn(ran.append, 1)\n"
        "give_way()\n"
        "assert ran == [1]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_an_empty_export_has_its_header(files: Files) -> None:
    assert b"".join(files.chunks("company")).startswith(b"id,version,name,")


def test_filters_are_those_of_the_list(files: Files, do: Actions) -> None:
    do.create("deal", name="Won", stage="won")
    do.create("deal", name="Open")
    assert [row["name"] for row in files.rows("deal", query="stage=won")] == ["Won"]


def test_an_unknown_filter_is_refused_before_anything_is_given_out(files: Files) -> None:
    with pytest.raises(Malformed):
        files.chunks("deal", query="stages=won")


def test_everyone_exports_what_their_lists_show(files: Files, do: Actions) -> None:
    people = files.people
    for who, name in ((people.agent, "Asha's"), (people.stranger, "Wim's"), (people.manager, "Mina's")):
        do.create("deal", who, name=name)
    names = {
        who: sorted(row["name"] for row in files.rows("deal", who))
        for who in (people.admin, people.manager, people.agent, people.viewer)
    }
    assert names == {
        people.admin: ["Asha's", "Mina's", "Wim's"],
        people.manager: ["Asha's", "Mina's"],
        people.agent: ["Asha's"],
        people.viewer: ["Asha's", "Mina's", "Wim's"],
    }
