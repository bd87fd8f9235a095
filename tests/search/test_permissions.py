"""Nobody learns anything by searching that they may not read: not a hit, not its place, not that there is one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bharat.contracts.principal import Role
from bharat.search import finding, indexer
from tests.fixtures.application import Caller
from tests.search.conftest import Desk

NAMES = ("Darcel Schlecht", "Darcel Schlect", "Darsel Schlecht", "Darcell Schlecht")


@dataclass
class Staff:
    desk: Desk
    agent: Caller
    colleague: Caller
    """In the agent's team."""
    manager: Caller
    """Of that team."""
    stranger: Caller
    """In another team."""


@pytest.fixture
def staff(desk: Desk) -> Staff:
    north, south = desk.site.team(desk.organisation_id, "North"), desk.site.team(desk.organisation_id, "South")
    user = desk.site.user
    return Staff(
        desk,
        user(desk.organisation_id, Role.AGENT, name="agent", team_id=north),
        user(desk.organisation_id, Role.AGENT, name="colleague", team_id=north),
        user(desk.organisation_id, Role.MANAGER, name="manager", team_id=north),
        user(desk.organisation_id, Role.AGENT, name="stranger", team_id=south),
    )


def test_each_finds_what_each_may_read(staff: Staff) -> None:
    desk = staff.desk
    by_agent = desk.contact("Darcel Schlecht", staff.agent)["id"]
    by_colleague = desk.contact("Darcel Schlecht", staff.colleague)["id"]
    by_stranger = desk.contact("Darcel Schlecht", staff.stranger)["id"]
    desk.work()
    for text in ("Darcel Schlecht", "darcel", "schle", "Darsel Schlect"):
        found = {
            who: {hit["id"] for hit in desk.search(text, getattr(staff, who))["items"]}
            for who in ("agent", "colleague", "manager", "stranger")
        }
        assert found == {
            "agent": {by_agent},
            "colleague": {by_colleague},
            "manager": {by_agent, by_colleague},
            "stranger": {by_stranger},
        }
        assert {hit["id"] for hit in desk.search(text)["items"]} == {by_agent, by_colleague, by_stranger}


def hidden_records_change_no_answer(staff: Staff) -> None:
    """The answers, to the letter, before and after a hundred nearer records come that the agent may not read."""
    desk = staff.desk
    desk.contact("Darcel S. Schlechter", staff.agent)
    desk.contact("Marcel Schlecht", staff.agent)
    desk.work()
    texts = ("Darcel Schlecht", "darcel", "schlecht", "Darsel Schlect")
    before = [desk.search(text, staff.agent) for text in texts]
    assert all(answer["items"] for answer in before)
    for by in (staff.stranger, staff.colleague):
        bulk = {"create": [{"name": NAMES[number % 4]} for number in range(60)]}
        assert by.post("/api/v1/contacts/bulk", bulk).status_code == 200
    desk.work()
    assert [desk.search(text, staff.agent) for text in texts] == before


def test_hidden_records_change_no_answer(staff: Staff) -> None:
    hidden_records_change_no_answer(staff)


def _reaches_all(*_: object) -> None:
    return None


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_filters_after_ranking_is_caught(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes `_keys(principal, visibility)` from the scopes of `bharat.search.finding._near`: all points are ranked, and those that
    the database does not show are left out afterwards."""
    monkeypatch.setattr(finding, "_keys", _reaches_all)
    with pytest.raises(AssertionError):
        hidden_records_change_no_answer(staff)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_without_keys_beside_the_vectors_is_caught(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes `_keys(resource, row)` from the points that `bharat.search.indexer.Indexer` writes."""
    monkeypatch.setattr(indexer, "_keys", lambda *_: ())
    with pytest.raises(AssertionError):
        hidden_records_change_no_answer(staff)


def a_record_that_was_given_away_is_found_no_more(staff: Staff) -> None:
    """At once, although the index still says that it is the agent's."""
    desk = staff.desk
    given = desk.contact("Darcel Schlecht", staff.agent)
    desk.work()
    assert desk.titles("Darsel Schlect", staff.agent) == ["Darcel Schlecht"]
    body = {"owner_id": str(staff.stranger.user_id)}
    assert desk.admin.patch(f"/api/v1/contacts/{given['id']}", body).status_code == 200
    assert desk.titles("Darsel Schlect", staff.agent) == []
    desk.work()
    assert desk.titles("Darsel Schlect", staff.agent) == []
    assert desk.titles("Darsel Schlect", staff.stranger) == ["Darcel Schlecht"]


def test_a_record_that_was_given_away_is_found_no_more(staff: Staff) -> None:
    a_record_that_was_given_away_is_found_no_more(staff)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_trusts_the_index_is_caught(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the caller from what `bharat.search.finding._read` asks the database."""
    read = finding._read

    def trusting(reader: object, principal: object, *more: object) -> object:
        return read(reader, None, *more)  # type: ignore[arg-type] # as the system, which reaches everything

    monkeypatch.setattr(finding, "_read", trusting)
    with pytest.raises(AssertionError):
        a_record_that_was_given_away_is_found_no_more(staff)


def test_a_deleted_record_is_found_no_more_at_once(staff: Staff) -> None:
    desk = staff.desk
    gone = desk.contact("Darcel Schlecht")
    desk.work()
    desk.admin.delete(f"/api/v1/contacts/{gone['id']}")
    for text in ("Darcel Schlecht", "Darsel Schlect"):
        assert desk.titles(text) == []


def test_organisations_do_not_find_each_other_s(staff: Staff) -> None:
    desk = staff.desk
    other = Desk(desk.site, "globex")
    desk.contact("Darcel Schlecht")
    other.contact("Darcel Schlechter")
    desk.work()
    assert desk.titles("Darsel Schlect") == ["Darcel Schlecht"]
    assert other.titles("Darsel Schlect") == ["Darcel Schlechter"]


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        (("*:read",), {"contact", "company"}),
        (("search:read", "contacts:read"), {"contact"}),
        (("search:read", "companies:read"), {"company"}),
        (("search:read",), set()),
        (("search:read", "contacts:write"), set()),
    ],
    ids=lambda value: "-".join(sorted(value)) or "nothing",
)
def test_a_key_finds_the_types_it_may_read(staff: Staff, scopes: tuple[str, ...], found: set[str]) -> None:
    desk = staff.desk
    desk.contact("Kaveri Rao")
    desk.admin.post("/api/v1/companies", {"name": "Kaveri Traders"})
    desk.work()
    key = desk.site.user(desk.organisation_id, Role.ADMIN, name="key", scopes=scopes)
    for text in ("kaveri", "kaverri"):
        assert {hit["type"] for hit in desk.search(text, key)["items"]} == found


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_key_without_the_scope_does_not_search(staff: Staff) -> None:
    key = staff.desk.site.user(staff.desk.organisation_id, Role.ADMIN, name="key", scopes=("contacts:read",))
    assert key.get("/api/v1/search", params={"q": "a"}).status_code == 403
