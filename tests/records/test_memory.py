"""What is kept between requests is bounded, whatever callers ask for."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from bharat.data import BharatDatabase
from bharat.records import Kit, queries
from bharat.records.selection import Grammar
from tests.records.sample import People


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_every_order_and_filter_that_is_asked_for_is_not_kept_for_ever(
    kit: Kit, database: BharatDatabase, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_MOST_STATEMENTS", 10)
    records = kit.records("deal")
    grammar, reader = Grammar(records.resource), database.read(people.organisation_id)
    sizes: list[int] = []
    for fields in permutations(("name", "score", "close_date", "amount"), 3):
        selection = grammar.parse(f"sort={','.join(fields)}", dict)
        assert records.queries.page(reader, people.admin, selection).items == []
        kept: Any = records.queries
        sizes += [len(kept._orders), len(kept._statements)]
    assert max(sizes) == 10
