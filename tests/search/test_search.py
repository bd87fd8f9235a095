"""The answer of the search: what is found, in which order, and by whom."""

from __future__ import annotations

from tests.search.conftest import Desk


def test_a_misspelt_name_is_found(desk: Desk) -> None:
    made = desk.contact("Darcel Schlecht")
    desk.contact("Vicki Laflamme")
    desk.work()
    found = desk.search("Darsel Schlect")
    assert found == {
        "items": [{"type": "contact", "id": made["id"], "title": "Darcel Schlecht", "matched": ["similar"]}],
        "degraded": None,
    }
