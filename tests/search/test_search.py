"""The answer of the search: what is found, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from bharat.contracts.principal import Role
from tests.fixtures.application import OpenSite
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


def test_an_exact_match_comes_first_then_beginnings_then_words(desk: Desk) -> None:
    for name in ("Maria Anna Weber", "Anna Weber-Schmidt", "Anna Weber", "Anne Webber"):
        desk.contact(name)
    desk.work()
    found = desk.search("anna  WEBER")["items"]
    assert [hit["title"] for hit in found] == ["Anna Weber", "Anna Weber-Schmidt", "Maria Anna Weber", "Anne Webber"]
    assert [hit["matched"][0] for hit in found] == ["exact", "prefix", "words", "similar"]


def test_an_exact_match_comes_first_however_many_are_similar(desk: Desk) -> None:
    desk.contact("Jon", email="zz@example.com")
    for number in range(60):
        desk.contact(f"Jon Jonson {number}")
    desk.work()
    assert desk.search("jon", limit="5")["items"][0]["matched"][0] == "exact"
    found = desk.search("ZZ@example.com")["items"]
    assert (found[0]["title"], found[0]["matched"][0]) == ("Jon", "exact")


def test_several_types_stand_in_one_answer(desk: Desk) -> None:
    desk.admin.post("/api/v1/companies", {"name": "Kaveri Traders"})
    desk.contact("Kaveri Rao")
    desk.work()
    found = desk.search("kaveri")["items"]
    assert [(hit["type"], hit["title"]) for hit in found] == [("contact", "Kaveri Rao"), ("company", "Kaveri Traders")]
    assert desk.titles("kaveri", types="company") == ["Kaveri Traders"]
    assert desk.titles("kaverri tradrs", types="company") == ["Kaveri Traders"]
    assert desk.titles("kaverri tradrs", types="product,deal") == []


def test_what_has_nothing_to_do_with_it_is_not_found(desk: Desk) -> None:
    desk.contact("Darcel Schlecht")
    desk.work()
    assert desk.search("zzyzx qwrtp") == {"items": [], "degraded": None}


def test_an_answer_holds_no_more_than_its_limit(desk: Desk) -> None:
    desk.admin.post("/api/v1/contacts/bulk", {"create": [{"name": f"Anna {number}"} for number in range(60)]})
    desk.work()
    for limit in (1, 7, 50):
        assert len(desk.search("anna", limit=str(limit))["items"]) == limit


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "?q"), ({"q": ""}, "?q"), ({"q": "   "}, "?q"), ({"q": "x" * 201}, "?q"), ({"q": "a " * 9}, "?q"),
    ({"q": "a", "limit": "0"}, "?limit"), ({"q": "a", "limit": "51"}, "?limit"), ({"q": "a", "types": "contacts"}, "?types"),
    ({"q": "a", "types": "contact,"}, "?types"), ({"q": "a", "cursor": "x"}, "?cursor"),
)  # fmt: skip


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_can_t_be_asked_is_told(desk: Desk) -> None:
    for parameters, path in WRONG:
        answer = desk.admin.get("/api/v1/search", params=parameters)
        assert (answer.status_code, [fault["path"] for fault in answer.json["errors"]]) == (400, [path]), parameters


def test_any_text_can_be_looked_for(desk: Desk) -> None:
    desk.contact("Another")
    texts = ("%", "_", "\\", "'; --", "a\\%b", "100%", "💥", "ß", "İ", "\u0301", "\U0010ffff")
    for text in texts:
        desk.contact(f"Straße {text} Nr. 1")
    desk.work()
    for text in texts:
        assert f"Straße {text} Nr. 1" in desk.titles(f"straße {text}"), text
        assert "Another" not in desk.titles(f"straße {text}"), text


def test_without_an_index_search_goes_by_words_and_is_not_degraded(open_site: OpenSite) -> None:
    desk = Desk(open_site("crm", BHARAT_VECTORS__PROVIDER="off"))
    desk.contact("Darcel Schlecht")
    desk.work()
    assert desk.search("schle") == {
        "items": [{"type": "contact", "id": _any(desk, "schle"), "title": "Darcel Schlecht", "matched": ["words"]}],
        "degraded": None,
    }
    assert desk.search("Schlect") == {"items": [], "degraded": None}


def test_without_record_types_nothing_is_found(open_site: OpenSite) -> None:
    site = open_site()
    admin = site.user(site.organisation("acme"), Role.ADMIN)
    assert admin.get("/api/v1/search", params={"q": "a"}).json == {"items": [], "degraded": None}


def _any(desk: Desk, text: str) -> Any:
    return desk.search(text)["items"][0]["id"]
