"""What a create costs in round trips: rows that nothing in it reads back go together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.records.conftest import Api
from tests.records.sample import People


@pytest.fixture
def ran(api: Api) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    sa.event.listen(api.app.database.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(api.app.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_create_is_one_question_and_one_statement_that_writes(api: Api, people: People, ran: list[str]) -> None:
    """Who calls, BEGIN with the organisation's name, what must be known of other rows, and then row, audit entry and event in one.
    Protected: in `RecordRoutes.create`, `at_once=False`."""
    assert api(people.agent, "GET", "/deals").status == 200
    ran.clear()
    assert api(people.agent, "POST", "/deals", {"name": "A"}).status == 201
    _, begin, question, written = ran
    assert begin.startswith("BEGIN;")
    assert question.startswith("SELECT")
    assert written.count("INSERT INTO") == 3


def test_a_duplicate_that_only_the_database_finds_is_a_conflict(api: Api, people: People) -> None:
    assert api(people.admin, "POST", "/companies", {"name": "A"}).status == 201
    again = api(people.admin, "POST", "/companies", {"name": "A"})
    assert again.status == 409
    assert again.json["errors"][0]["path"] == "/name"
