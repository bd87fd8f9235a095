"""What is kept between requests is bounded, whatever callers ask for."""

from __future__ import annotations

from itertools import permutations

import pytest

from bharat.data import BharatDatabase
from bharat.records import Kit
from bharat.records.kept import MOST, Kept
from bharat.records.selection import Grammar
from tests.records.sample import People


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_every_order_and_filter_that_is_asked_for_is_not_kept_for_ever(
    kit: Kit, database: BharatDatabase, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all record types together."""
    monkeypatch.setattr(kit.kept, "_most", 10)
    reader = database.read(people.organisation_id)
    sizes: list[int] = []
    for name, sorts in (("deal", ("name", "score", "close_date", "amount")), ("company", ("name", "created_at", "id"))):
        records = kit.records(name)
        grammar = Grammar(records.resource)
        for fields in permutations(sorts, 2):
            selection = grammar.parse(f"sort={','.join(fields)}", dict)
            assert records.queries.page(reader, people.admin, selection).items == []
            sizes.append(len(kit.kept))
    assert max(sizes) == 10


def test_what_was_used_last_is_kept() -> None:
    kept = Kept(2)
    made: list[None] = []

    def make() -> int:
        made.append(None)
        return len(made)

    assert [kept.get(key, make) for key in "abacab"] == [1, 2, 1, 3, 1, 4]
    assert MOST <= 500
