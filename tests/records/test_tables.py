"""The table that a declaration becomes, and declarations that are refused."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.records import AnyField, Integer, Money, Number, RecordType, Reference, Text
from bharat.data.migrations.generate import make_migration
from bharat.data.schema import Schema
from bharat.plugins import Owned
from bharat.records import Kit
from tests.records.sample import TYPES

TABLES = Kit.metadata(TYPES).tables


def test_every_index_begins_with_the_organisation_and_ends_in_the_id_unless_unique() -> None:
    for table in TABLES.values():
        for index in table.indexes:
            columns = [column.name for column in index.columns]
            assert columns[0] == "organisation_id"
            assert index.unique or columns[-1] == "id"
            assert not index.unique or index.dialect_options["postgresql"]["where"] is not None


def test_no_reference_can_cross_organisations() -> None:
    for table in TABLES.values():
        for key in table.foreign_key_constraints:
            columns = [column.name for column in key.columns]
            assert columns in (["organisation_id"], ["organisation_id", columns[-1]])


def test_every_reference_has_an_index() -> None:
    for table in TABLES.values():
        indexed = {tuple(column.name for column in index.columns)[1] for index in table.indexes}
        for key in table.foreign_key_constraints:
            names = [column.name for column in key.columns]
            assert names == ["organisation_id"] or names[1] in indexed


def test_the_generated_migration_makes_exactly_these_tables(records_schema: Schema) -> None:
    assert make_migration(records_schema, "sample", "Nothing left.") is None


def type_with(*fields: AnyField, name: str = "thing", title: str = "name", **more: object) -> RecordType:
    return RecordType(
        name=name, plural=f"{name}s", title=title, fields=(Text("name"), *fields), **more  # type: ignore[arg-type]
    )  # fmt: skip


REFUSED: dict[str, RecordType] = {
    "which no enabled plugin declares": type_with(Reference("to", to="nothing")),
    "'price_currency' is taken": type_with(Money("price"), Text("price_currency")),
    "'code_key' is taken": type_with(Text("code", unique=True), Text("code_key")),
    "'search_text' is taken": type_with(Text("search_text")),
    "at most": type_with(Text("code", unique=True, max_length=1000)),
    "which it does not declare": type_with(unique_together=(("name", "nope"),)),
    "one line": type_with(Integer("number"), title="number"),
    "scale is 0 to 6": type_with(Number("rate", scale=9)),
    "which is taken": type_with(name="user"),
    "more than 63 characters": type_with(name="a" * 47),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_declaration_that_cannot_work_is_refused(message: str) -> None:
    expected = message.replace("at most", "400 at most")
    with pytest.raises(PluginError, match=expected):
        Kit.metadata([Owned("a_plugin_with_a_name", REFUSED[message])])


def test_a_type_is_declared_once() -> None:
    with pytest.raises(PluginError, match="which is taken"):
        Kit.metadata([Owned("one", type_with()), Owned("two", type_with())])


def test_a_reference_may_lead_to_another_plugins_type() -> None:
    one, two = Owned("one", type_with()), Owned("two", type_with(Reference("to", to="thing"), name="other"))
    table = Kit.metadata([two], among=[one, two]).tables["two_others"]
    targets = {element.target_fullname for key in table.foreign_key_constraints for element in key.elements}
    assert "one_things.id" in targets
    assert isinstance(table, sa.Table)
