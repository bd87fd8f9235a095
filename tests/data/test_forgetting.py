"""Statements that are built for one call are forgotten after it, in whatever form they come."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, statements, tenancy
from bharat.data.audit import audit_entries as entries

_INSIDE = sa.select(entries.c.id)
FORMS: dict[str, Callable[[], Any]] = {
    "select": lambda: sa.select(entries.c.id).where(entries.c.action == "x"),
    "subquery": lambda: sa.select(entries.c.id).where(entries.c.id.in_(sa.select(entries.c.id))),
    "exists": lambda: sa.select(entries.c.id).where(sa.exists(sa.select(entries.c.id))),
    "cte": lambda: sa.select(sa.select(entries.c.id).cte("some").c.id),
    "union": lambda: sa.union_all(sa.select(entries.c.id), sa.select(entries.c.id)),
}
CHANGES: dict[str, Callable[[], Any]] = {
    "update": lambda: entries.update().values(action="y"),
    "delete": lambda: entries.delete().where(entries.c.action == "x"),
}


def kept() -> int:
    gc.collect()
    return len(tenancy._known) + len(tenancy._scopes) + len(statements._known) + len(statements._guards)


@pytest.mark.parametrize("form", FORMS)
def test_a_read_is_forgotten(database: BharatDatabase, organisation_id: UUID, form: str) -> None:
    """The protected line: `clone.__dict__.pop("_is_clone_of", None)` in `bharat.data.tenancy._scope`."""
    reader = database.read(organisation_id)
    reader.rows(FORMS[form]())
    before = kept()
    for _ in range(5):
        reader.rows(FORMS[form]())
    assert kept() <= before


@pytest.mark.parametrize("form", CHANGES)
def test_a_change_is_forgotten(owner_database: BharatDatabase, organisation_id: UUID, form: str) -> None:
    """The protected line: `clone.__dict__.pop("_is_clone_of", None)` in `bharat.data.tenancy._scope`."""
    before = 0
    for number in range(6):
        with owner_database.write(organisation_id, SYSTEM) as unit:
            unit.execute(CHANGES[form]())
        del unit
        if number == 0:
            before = kept()
    assert kept() <= before


def test_without_dropping_the_origin_changes_are_kept(
    owner_database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: a clone that notes its origin again."""
    traverse = visitors.cloned_traverse

    def remembering(statement: Any, *rest: Any) -> Any:
        clone = traverse(statement, *rest)
        clone.origin = statement
        return clone

    monkeypatch.setattr(visitors, "cloned_traverse", remembering)
    before = kept()
    for _ in range(5):
        with owner_database.write(organisation_id, SYSTEM) as unit:
            unit.execute(CHANGES["delete"]())
    assert kept() > before


def test_units_do_not_nest(database: BharatDatabase, organisation_id: UUID) -> None:
    """A second one would wait for the first for ever: it is refused at once, and the first goes on."""
    with database.write(organisation_id, SYSTEM) as unit:
        with pytest.raises(RuntimeError, match="open here already"), database.write(None, SYSTEM):
            pass
        unit.rows(_INSIDE)
    with database.write(organisation_id, SYSTEM):
        pass


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_note_does_not_wait_for_the_writer(database: BharatDatabase, organisation_id: UUID) -> None:
    outcome: list[type[BaseException] | None] = []

    def note() -> None:
        try:
            with database.write(organisation_id, SYSTEM, wait=False):
                outcome.append(None)
        except Unavailable as error:
            outcome.append(type(error))

    with database.write(organisation_id, SYSTEM):
        thread = threading.Thread(target=note)
        thread.start()
        thread.join(1)
    assert outcome == [Unavailable]
