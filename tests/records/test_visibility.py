"""Who reaches which records: the same on every road to them."""

from __future__ import annotations

from uuid import UUID

import pytest

from bharat.contracts.principal import Principal
from bharat.data import BharatDatabase
from tests.records.conftest import Api
from tests.records.sample import People, people_of, scoped_to


@pytest.fixture
def others(database: BharatDatabase, other_organisation_id: UUID) -> People:
    """The people of another organisation."""
    return people_of(database, other_organisation_id)


@pytest.fixture
def paths(api: Api, people: People, others: People) -> dict[str, str]:
    """One deal of the agent's, of the stranger's (another team), and of another organisation's."""
    made = {}
    for name, who in (("agent", people.agent), ("stranger", people.stranger), ("foreign", others.admin)):
        answer = api(who, "POST", "/deals", {"name": name, "amount": "1", "amount_currency": "USD", "score": 1})
        assert answer.status == 201
        made[name] = f"/deals/{answer.json['id']}"
    return made


def seen(api: Api, who: Principal, query: str = "") -> set[str]:
    return {item["name"] for item in api(who, "GET", f"/deals?fields=name{query}").json["items"]}


def test_each_role_lists_counts_and_reads_the_same_records(api: Api, people: People, paths: dict[str, str]) -> None:
    reach = {
        people.admin: {"agent", "stranger"},
        people.manager: {"agent"},
        people.agent: {"agent"},
        people.stranger: {"stranger"},
        people.viewer: {"agent", "stranger"},
    }
    for who, names in reach.items():
        assert seen(api, who) == names
        assert seen(api, who, "&sort=-score&q=a") == names & {"agent", "stranger"}
        totals = api(who, "GET", "/deals/totals").json
        assert totals["count"] == len(names)
        assert totals["sums"]["amount"] == [{"currency": "USD", "sum": f"{len(names)}.0000"}]
        assert api(who, "GET", "/deals?total=true&limit=1").json["total"] == len(names)
        for name, path in paths.items():
            expected = 200 if name in names else 404
            assert api(who, "GET", path).status == expected
            assert api(who, "GET", f"{path}/history").status == expected


def test_out_of_reach_is_not_found_on_every_road(api: Api, people: People, paths: dict[str, str]) -> None:
    for name in ("stranger", "foreign"):
        path = paths[name]
        id = path.rpartition("/")[2]
        for who in (people.agent, people.manager):
            assert api(who, "PATCH", path, {"name": "x"}, match="*").status == 404
            assert api(who, "DELETE", path, match="*").status == 404
            assert api(who, "POST", f"{path}/restore").status == 404
            assert api(who, "GET", f"{path}?deleted=true").status == 404
            update = {"update": [{"id": id, "version": 1, "changes": {"name": "x"}}]}
            assert api(who, "POST", "/deals/bulk", update).faults == ["/update/0/id"]
            delete = {"delete": [{"id": id, "version": 1}]}
            assert api(who, "POST", "/deals/bulk", delete).faults == ["/delete/0/id"]
            assert api(who, "POST", "/deals", {"name": "y", "deal_before": id}).faults == ["/deal_before"]
            assert seen(api, who, f"&id={id}") == set()
    assert api(people.stranger, "GET", paths["stranger"]).json["version"] == 1


def test_a_reference_out_of_reach_and_one_to_nothing_read_alike(
    api: Api, people: People, paths: dict[str, str]
) -> None:
    details = set()
    for id in (*(path.rpartition("/")[2] for name, path in paths.items() if name != "agent"), str(people.east)):
        answer = api(people.agent, "POST", "/deals", {"name": "x", "deal_before": id})
        details.add(answer.text.replace(answer.json["request_id"], ""))
    assert len(details) == 1


def test_a_viewer_changes_nothing(api: Api, people: People, paths: dict[str, str]) -> None:
    path = paths["agent"]
    assert api(people.viewer, "POST", "/deals", {"name": "x"}).status == 403
    assert api(people.viewer, "PATCH", path, {"name": "x"}, match="*").status == 403
    assert api(people.viewer, "DELETE", path, match="*").status == 403
    assert api(people.viewer, "POST", f"{path}/restore").status == 403
    assert api(people.viewer, "POST", "/deals/bulk", {"create": [{"name": "x"}]}).status == 403
    assert api(people.viewer, "GET", f"{path}?deleted=true").status == 403
    assert api(people.viewer, "GET", "/deals?deleted=true").status == 403


def test_a_key_does_what_its_scopes_say(api: Api, people: People, paths: dict[str, str]) -> None:
    path, id = paths["agent"], paths["agent"].rpartition("/")[2]
    reads = scoped_to(people.admin, "deals:read")
    assert api(reads, "GET", path).status == 200
    assert api(reads, "PATCH", path, {"name": "x"}, match="*").status == 403
    assert api(reads, "GET", "/deals?deleted=true").status == 403
    writes = scoped_to(people.admin, "deals:write")
    assert api(writes, "GET", path).status == 403
    assert api(writes, "POST", "/deals/bulk", {"delete": [{"id": id, "version": 1}]}).status == 403
    # It may not read companies, so it can't say whether there is one.
    company = api(people.admin, "POST", "/companies", {"name": "Acme"}).json
    assert api(writes, "POST", "/deals", {"name": "x", "company": company["id"]}).faults == ["/company"]


def test_deleted_records_are_for_those_who_may_delete(api: Api, people: People, paths: dict[str, str]) -> None:
    path = paths["agent"]
    assert api(people.manager, "DELETE", path, match="*").status == 204
    for who, found in ((people.agent, {"agent"}), (people.manager, {"agent"}), (people.stranger, set())):
        assert seen(api, who, "&deleted=true") == found
        assert api(who, "GET", f"{path}?deleted=true").status == (200 if found else 404)
        assert api(who, "GET", f"{path}/history").status == (200 if found else 404)
    assert api(people.viewer, "GET", f"{path}/history").status == 404
    assert seen(api, people.agent) == set()
    company = api(people.admin, "POST", "/companies", {"name": "Acme"}).json
    assert api(people.agent, "DELETE", f"/companies/{company['id']}", match="*").status == 403


def test_nobody_moves_a_record_out_of_the_own_reach(api: Api, people: People, paths: dict[str, str]) -> None:
    path = paths["agent"]
    to_stranger, to_manager = {"owner_id": str(people.stranger.user_id)}, {"owner_id": str(people.manager.user_id)}
    assert api(people.agent, "PATCH", path, to_manager, match="*").faults == ["/owner_id"]
    assert api(people.manager, "PATCH", path, to_stranger, match="*").faults == ["/owner_id"]
    assert api(people.agent, "POST", "/deals", {"name": "x", **to_manager}).faults == ["/owner_id"]
    assert api(people.agent, "POST", "/deals", {"name": "x", "owner_id": None}).faults == ["/owner_id"]
    moved = api(people.manager, "PATCH", path, to_manager, match="*")
    assert (moved.status, moved.json["team_id"]) == (200, str(people.east))
    assert api(people.agent, "GET", path).status == 404
    moved = api(people.admin, "PATCH", path, to_stranger, match="*")
    assert (moved.status, moved.json["team_id"]) == (200, str(people.west))
    kept = {**to_manager, "team_id": str(people.west)}
    assert api(people.admin, "PATCH", path, kept, match="*").json["team_id"] == str(people.west)


def test_an_owner_or_team_of_another_organisation_does_not_exist(api: Api, people: People, others: People) -> None:
    for body in ({"owner_id": str(others.agent.user_id)}, {"team_id": str(others.east)}):
        assert api(people.admin, "POST", "/deals", {"name": "x", **body}).faults == [f"/{next(iter(body))}"]


def test_reference_types_are_set_up_by_managers(api: Api, people: People) -> None:
    assert api(people.agent, "POST", "/products", {"name": "GTX"}).status == 403
    product = api(people.manager, "POST", "/products", {"name": "GTX"})
    assert product.status == 201
    assert "owner_id" not in product.json
    assert api(people.agent, "GET", f"/products/{product.json['id']}").status == 200
