"""Pages by key: every row once, in order, whatever is null, ties, comes or goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bharat.contracts.errors import Malformed
from bharat.records.conditions import after_prefix
from bharat.records.queries import Record
from bharat.records.selection import Grammar
from tests.records.conftest import Actions

SCORES: list[int | None] = [3, None, 1, 3, 2, None, 3, None, 1]
AMOUNTS = ["5", None, "5", "1.5", None, "2", "2", "0", "2"]


@pytest.fixture
def deals(do: Actions) -> list[Record]:
    """Nine deals with ties and gaps."""
    found = []
    for number, (score, amount) in enumerate(zip(SCORES, AMOUNTS, strict=True)):
        body: dict[str, Any] = {"name": f"{'aB'[number % 2]}{number // 2}", "score": score}
        if amount is not None:
            body |= {"amount": amount, "amount_currency": "USD"}
        found.append(do.create("deal", **body))
    return found


def pages(do: Actions, query: str, between: Callable[[int], object] = lambda number: None) -> Iterator[list[Record]]:
    records = do.kit.records("deal")
    grammar, reader = Grammar(records.resource), do.database.read(do.people.organisation_id)
    cursor, number = None, 0
    while True:
        selection = grammar.parse(query + (f"&cursor={cursor}" if cursor else ""), dict)
        page = records.queries.page(reader, do.people.admin, selection)
        yield list(page.items)
        cursor, number = page.next_cursor, number + 1
        if cursor is None:
            return
        between(number)


def in_order(deals: list[Record], *keys: tuple[str, bool]) -> list[Any]:
    """The ids as a sort of Python's gives them: nulls last, the id in the direction of the first key."""
    found = sorted(deals, key=lambda deal: deal["id"], reverse=keys[0][1])
    for name, descending in reversed(keys):
        fold = (
            (lambda deal, name=name: deal[name].casefold()) if name == "name" else (lambda deal, name=name: deal[name])
        )
        valued = sorted((deal for deal in found if deal[name] is not None), key=fold, reverse=descending)
        if descending:
            # `reverse` keeps equal ones in their order.
            valued = sorted((deal for deal in found if deal[name] is not None), key=fold, reverse=True)
        found = valued + [deal for deal in found if deal[name] is None]
    return [deal["id"] for deal in found]


@pytest.mark.parametrize(
    "keys",
    [
        [("score", False)],
        [("score", True)],
        [("name", True)],
        [("amount", True), ("score", False)],
        [("score", False), ("amount", True), ("name", False)],
        [("stage", False), ("score", True)],
        [("id", False)],
        [("created_at", True)],
    ],
)
def test_every_row_comes_once_and_in_order(do: Actions, deals: list[Record], keys: list[tuple[str, bool]]) -> None:
    sort = ",".join(("-" if descending else "") + name for name, descending in keys)
    for limit in (1, 2, 4, 9, 20):
        found = [deal["id"] for page in pages(do, f"sort={sort}&limit={limit}") for deal in page]
        assert found == in_order(deals, *keys)


def test_rows_that_come_and_go_meanwhile_hide_no_others(do: Actions, deals: list[Record]) -> None:
    extra: list[Any] = []

    def meanwhile(number: int) -> None:
        extra.append(do.create("deal", name=f"new{number}", score=number)["id"])
        if number == 2:
            do.delete("deal", deals[1]["id"])

    found = [deal["id"] for page in pages(do, "sort=score&limit=2", meanwhile) for deal in page]
    assert len(found) == len(set(found))
    stayed = [id for id in in_order(deals, ("score", False)) if id != deals[1]["id"]]
    assert [id for id in found if id not in extra and id != deals[1]["id"]] == stayed


def test_a_filter_that_excludes_nulls_pages_through_the_rest(do: Actions, deals: list[Record]) -> None:
    found = [deal["score"] for page in pages(do, "sort=-score&score.lte=2&limit=1") for deal in page]
    assert found == [2, 1, 1]


def test_the_key_may_be_hidden_from_the_page(do: Actions, deals: list[Record]) -> None:
    found = list(pages(do, "sort=-score&limit=4&fields=name"))
    assert [len(page) for page in found] == [4, 4, 1]
    assert all(set(deal) == {"name"} for page in found for deal in page)


def test_a_cursor_that_was_changed_is_refused(do: Actions, deals: list[Record]) -> None:
    records, reader = do.kit.records("deal"), do.database.read(do.people.organisation_id)
    grammar = Grammar(records.resource)
    cursor = records.queries.page(reader, do.people.admin, grammar.parse("limit=2", dict)).next_cursor
    assert cursor is not None
    swapped = {"A": "B"}
    flipped = [cursor[:at] + swapped.get(cursor[at], "A") + cursor[at + 1 :] for at in range(len(cursor))]
    for wrong in (*flipped, cursor + "=", cursor[:10], cursor + "AAAA", "", "é", "A" * 5000):
        with pytest.raises(Malformed):
            records.queries.page(reader, do.people.admin, grammar.parse(f"limit=2&cursor={wrong}", dict))


def test_a_cursor_continues_its_own_list_only(do: Actions, deals: list[Record], other_organisation_id: UUID) -> None:
    records, reader = do.kit.records("deal"), do.database.read(do.people.organisation_id)
    grammar = Grammar(records.resource)
    cursor = records.queries.page(reader, do.people.admin, grammar.parse("limit=2", dict)).next_cursor
    for query in ("sort=score", "stage=open", "q=a", "deleted=true", "stage.in=open"):
        with pytest.raises(Malformed):
            records.queries.page(reader, do.people.admin, grammar.parse(f"{query}&cursor={cursor}", dict))
    foreign = do.database.read(other_organisation_id)
    with pytest.raises(Malformed):
        records.queries.page(foreign, None, grammar.parse(f"cursor={cursor}", dict))
    records.queries.page(reader, do.people.admin, grammar.parse(f"limit=5&fields=name&cursor={cursor}", dict))


@given(st.text(min_size=1), st.text(), st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prefix_is_a_range_of_texts(start: str, more: str, other: str) -> None:
    end = after_prefix(start)
    assert start <= start + more < end or "\U0010ffff" in start
    if not other.startswith(start):
        assert not start <= other < end


def test_a_list_without_parameters_continues(do: Actions) -> None:
    made = [do.create("product", name=f"P{number}")["id"] for number in range(51)]
    records, reader = do.kit.records("product"), do.database.read(do.people.organisation_id)
    grammar = Grammar(records.resource)
    first = records.queries.page(reader, do.people.admin, grammar.parse("", dict))
    second = records.queries.page(reader, do.people.admin, grammar.parse(f"cursor={first.next_cursor}", dict))
    assert [item["id"] for item in (*first.items, *second.items)] == made[::-1]


def test_all_records_are_read_in_batches(do: Actions, deals: list[Record]) -> None:
    records, reader = do.kit.records("deal"), do.database.read(do.people.organisation_id)
    selection = Grammar(records.resource).parse("sort=score", dict)
    every = records.queries.every(reader, do.people.admin, selection, batch=2)
    assert [deal["id"] for deal in every] == in_order(deals, ("score", False))
