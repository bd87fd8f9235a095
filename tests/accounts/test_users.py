"""Users and teams over HTTP."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from bharat.accounts.tables import invitations, users
from bharat.accounts.teams import add_team, find_or_create_team
from bharat.accounts.users import add_user, change_user, find_user
from bharat.contracts.errors import Invalid
from bharat.contracts.principal import SYSTEM, Role
from bharat.data.clock import OffsetClock
from bharat.testing.suite import together
from tests.accounts.site import Browser, Site

AGENT = "agent@acme.example"


@pytest.fixture
def admin(site: Site) -> Browser:
    return site.browser("admin@acme.example")


def test_everyone_knows_the_colleagues_and_only_administrators_their_addresses(site: Site, admin: Browser) -> None:
    agent = site.browser(AGENT)
    seen = {user["name"]: user for user in agent.get("/users").json["items"]}
    assert set(seen) == {"Admin", "Manager", "Agent", "Viewer"}
    assert "email" not in seen["Manager"]
    assert seen["Agent"]["email"] == AGENT
    known = {user["name"]: user for user in admin.get("/users").json["items"]}
    assert known["Manager"]["email"] == "manager@acme.example"
    assert known["Manager"]["has_login"] is True


def test_a_list_is_read_page_by_page_and_filtered(admin: Browser) -> None:
    names, cursor = [], ""
    while True:
        answer = admin.get(f"/users?limit=3{cursor}").json
        names += [user["name"] for user in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert names == ["Admin", "Manager", "Agent", "Viewer"]
    assert [user["name"] for user in admin.get("/users?role=viewer").json["items"]] == ["Viewer"]
    assert [user["name"] for user in admin.get("/users?q=AG").json["items"]] == ["Manager", "Agent"]
    assert admin.get("/users?q=%25").json["items"] == []


def test_a_user_without_a_login_is_added(site: Site, admin: Browser) -> None:
    made = admin.post("/users", {"name": "  Darcel ", "role": "agent"})
    assert made.status_code == 201
    assert (made.json["name"], made.json["has_login"]) == ("Darcel", False)
    assert made.headers["ETag"] == '"1"'
    assert made.headers["Location"] == f"/api/v1/users/{made.json['id']}"
    assert admin.get(f"/users/{made.json['id']}").json == made.json
    assert site.actions()[-1] == "user.created"


def test_a_change_names_the_version_it_is_based_on(admin: Browser) -> None:
    path = f"/users/{admin.post('/users', {'name': 'Darcel'}).json['id']}"
    assert admin.patch(path, {"name": "Darcy"}).status_code == 428
    assert admin.call("PATCH", path, {"name": "Darcy"}, **{"If-Match": ""}).status_code == 428
    changed = admin.patch(path, {"name": "Darcy"}, 1)
    assert (changed.status_code, changed.json["version"], changed.headers["ETag"]) == (200, 2, '"2"')
    assert admin.patch(path, {"name": "Darlene"}, 1).status_code == 412


def test_what_is_the_same_already_changes_no_version(admin: Browser) -> None:
    path = f"/users/{admin.post('/users', {'name': 'Darcel'}).json['id']}"
    assert admin.patch(path, {"name": "Darcel"}, 1).json["version"] == 1


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"active": False}])
def test_a_new_role_or_a_deactivation_ends_the_sessions_at_once(
    site: Site, admin: Browser, change: dict[str, object]
) -> None:
    agent = site.browser(AGENT)
    path = f"/users/{site.users['agent']}"
    assert admin.patch(path, change, admin.get(path).json["version"]).status_code == 200
    assert agent.get("/me").status_code == 401


def test_a_deactivation_ends_the_keys_at_once(site: Site, admin: Browser) -> None:
    key = site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": ["*"]}).json["key"]
    script = site.script(key)
    assert script.get("/me").status_code == 200
    path = f"/users/{site.users['agent']}"
    admin.patch(path, {"active": False}, admin.get(path).json["version"])
    assert script.get("/me").status_code == 401
    admin.patch(path, {"active": True}, admin.get(path).json["version"])
    assert site.browser(AGENT).get("/me").status_code == 200
    assert script.get("/me").status_code == 401


def test_a_demoted_administrator_is_one_no_more(site: Site, admin: Browser) -> None:
    site.add_user(site.acme, "Second", Role.ADMIN, "second@acme.example")
    second = site.browser("second@acme.example")
    path = f"/users/{second.get('/me').json['id']}"
    admin.patch(path, {"role": "agent"}, admin.get(path).json["version"])
    again = site.browser("second@acme.example")
    assert again.post("/users", {"name": "X"}).status_code == 403


@pytest.mark.parametrize("change", [{"role": "agent"}, {"active": False}])
def test_the_last_administrator_stays(site: Site, admin: Browser, change: dict[str, object]) -> None:
    path = f"/users/{site.users['admin']}"
    version = admin.get(path).json["version"]
    assert admin.patch(path, change, version).status_code == 409
    assert admin.delete(path, version).status_code == 409
    assert admin.get("/me").status_code == 200


def test_a_deleted_user_is_gone_from_lists_and_logins_and_its_address_is_free(site: Site, admin: Browser) -> None:
    path = f"/users/{site.users['agent']}"
    assert admin.delete(path, admin.get(path).json["version"]).status_code == 204
    assert admin.get(path).status_code == 404
    assert "Agent" not in [user["name"] for user in admin.get("/users").json["items"]]
    assert site.browser().log_in(AGENT).status_code == 401
    assert admin.post("/users", {"name": "Next", "email": AGENT}).status_code == 201


def test_the_address_of_a_login_moves_by_invitation_only(site: Site, admin: Browser) -> None:
    path = f"/users/{site.users['agent']}"
    refused = admin.patch(path, {"email": "elsewhere@acme.example"}, admin.get(path).json["version"])
    assert refused.status_code == 422


@pytest.mark.parametrize("role", ["manager", "agent", "viewer"])
def test_only_administrators_change_users_and_teams(site: Site, role: str) -> None:
    browser = site.browser(f"{role}@acme.example")
    user = f"/users/{site.users['viewer']}"
    assert browser.post("/users", {"name": "X"}).status_code == 403
    assert browser.patch(user, {"role": "admin"}, 1).status_code == 403
    assert browser.delete(user, 1).status_code == 403
    assert browser.post("/teams", {"name": "X"}).status_code == 403
    assert browser.get("/audit").status_code == 403
    assert browser.patch("/organisation", {"name": "X"}).status_code == 403
    assert browser.get("/organisation").json["name"] == "Acme"


def test_nobody_sees_or_changes_another_organisations_users_and_teams(site: Site, admin: Browser) -> None:
    team = admin.post("/teams", {"name": "North", "lead_id": str(site.users["agent"])}).json["id"]
    foreign = site.browser("admin@globex.example")
    assert [user["name"] for user in foreign.get("/users").json["items"]] == ["Foreign"]
    assert foreign.get("/teams").json["items"] == []
    for path in (f"/users/{site.users['agent']}", f"/teams/{team}"):
        assert foreign.get(path).status_code == 404
        assert foreign.patch(path, {"name": "Mine"}, 1).status_code == 404
        assert foreign.delete(path, 1).status_code == 404
    assert foreign.post("/users", {"name": "X", "team_id": team}).status_code == 422
    assert foreign.post("/teams", {"name": "X", "lead_id": str(site.users["agent"])}).status_code == 422


def test_teams_are_added_changed_and_removed(site: Site, admin: Browser) -> None:
    made = admin.post("/teams", {"name": "North", "region": "Nordics", "lead_id": str(site.users["manager"])})
    assert made.status_code == 201
    path = f"/teams/{made.json['id']}"
    assert site.browser("manager@acme.example").get("/me").json["team_ids"] == [made.json["id"]]
    assert admin.post("/teams", {"name": "North"}).status_code == 409
    assert admin.patch(path, {"name": "East", "lead_id": None}, 1).json["name"] == "East"
    user = f"/users/{site.users['agent']}"
    admin.patch(user, {"team_id": made.json["id"]}, admin.get(user).json["version"])
    assert admin.delete(path, 2).status_code == 409
    admin.patch(user, {"team_id": None}, admin.get(user).json["version"])
    assert admin.delete(path, 2).status_code == 204
    assert admin.get(path).status_code == 404
    assert site.actions()[-1] == "team.deleted"


@pytest.mark.parametrize("name", ["x" * 101, "North\n", "\tNorth", "No\0rth", "  "])
def test_no_team_gets_a_name_that_is_none_whoever_adds_it(site: Site, admin: Browser, name: str) -> None:
    refused = admin.post("/teams", {"name": name})
    assert refused.status_code in (400, 422)
    north = admin.post("/teams", {"name": "North"})
    assert admin.patch(f"/teams/{north.json['id']}", {"name": name}, 1).status_code in (400, 422)
    if name.strip() != "North":
        for act in (add_team, find_or_create_team):
            with pytest.raises(Invalid), site.app.database.write(site.acme, SYSTEM) as unit:
                act(unit, name=name)
    for region, description in (("x" * 101, None), ("a\nb", None), (None, "x" * 501)):
        with pytest.raises(Invalid), site.app.database.write(site.acme, SYSTEM) as unit:
            add_team(unit, name="South", region=region, description=description)
    assert [team["name"] for team in admin.get("/teams").json["items"]] == ["North"]


@pytest.mark.parametrize("name", ["x" * 201, "Asha\nRao", " "])
def test_no_user_gets_a_name_that_is_none_whoever_adds_it(site: Site, name: str) -> None:
    with pytest.raises(Invalid), site.app.database.write(site.acme, SYSTEM) as unit:
        add_user(unit, name=name, role=Role.AGENT)
    with pytest.raises(Invalid), site.app.database.write(site.acme, SYSTEM) as unit:
        change_user(unit, find_user(unit, site.users["agent"], lock="change"), {"name": name})


def test_a_session_that_is_none_is_not_there(site: Site) -> None:
    browser = site.browser(AGENT)
    handle = browser.get("/me/sessions").json["items"][0]["handle"]
    for wrong in ("%00", "x", "%F0%9F%92%A9", handle.upper() + "%0A", handle[:31], "a" * 5000):
        assert browser.delete(f"/me/sessions/{wrong}").status_code == 404
    assert browser.delete(f"/me/sessions/{handle}").status_code == 204


@pytest.mark.parametrize("end", ["withdrawn", "replaced", "expired"])
def test_a_team_is_removed_when_invitations_into_it_are_over(
    site: Site, admin: Browser, clock: OffsetClock, end: str
) -> None:
    path = f"/teams/{(team := admin.post('/teams', {'name': 'North'}).json['id'])}"
    wanted = {"email": "new@acme.example", "team_id": team}
    invitation = admin.post("/invitations", wanted).json["id"]
    assert admin.delete(path, 1).status_code == 409
    if end == "withdrawn":
        assert admin.delete(f"/invitations/{invitation}").status_code == 204
    elif end == "replaced":
        assert admin.post("/invitations", {"email": "new@acme.example"}).status_code == 201
    else:
        clock.offset += timedelta(days=31)
        assert admin.log_in("admin@acme.example").status_code == 200
    assert admin.delete(path, 1).status_code == 204


def test_what_an_api_key_changes_has_the_keys_owner_for_its_author(site: Site, admin: Browser) -> None:
    key = admin.post("/api-keys", {"name": "k", "scopes": ["*"]}).json
    script = site.script(key["key"])
    made = UUID(script.post("/users", {"name": "Made"}).json["id"])
    agent = site.users["agent"]
    version = script.get(f"/users/{agent}").json["version"]
    assert script.patch(f"/users/{agent}", {"name": "Changed"}, version).status_code == 200
    assert script.post("/invitations", {"email": "new@acme.example"}).status_code == 201
    reader, author = site.app.database.read(site.acme), site.users["admin"]
    row = reader.row(sa.select(users.c.created_by, users.c.updated_by).where(users.c.id == made))
    assert row is not None
    assert tuple(row) == (author, author)
    changed = sa.select(users.c.updated_by).where(users.c.id == agent)
    assert reader.scalar(changed) == author
    assert reader.scalar(sa.select(invitations.c.created_by)) == author
    # The trail tells which key it was.
    entry = admin.get(f"/audit?subject_id={made}").json["items"][0]
    assert (entry["actor_kind"], entry["actor_id"]) == ("api_key", key["id"])


def test_a_team_that_is_not_there_is_refused_by_name(admin: Browser) -> None:
    refused = admin.post("/users", {"name": "X", "team_id": str(uuid4())})
    assert refused.status_code == 422
    assert "/team_id" in refused.text


def test_a_post_that_is_repeated_with_its_key_adds_one_user(admin: Browser) -> None:
    answers = [admin.post("/users", {"name": "Once"}, Idempotency_Key="k-1") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert [user["name"] for user in admin.get("/users").json["items"]].count("Once") == 1


def test_the_audit_trail_is_read_page_by_page_and_by_subject(site: Site, admin: Browser) -> None:
    user = UUID(admin.post("/users", {"name": "Darcel"}).json["id"])
    admin.patch(f"/users/{user}", {"name": "Darcy"}, 1)
    found = admin.get(f"/audit?subject_type=user&subject_id={user}").json["items"]
    assert [entry["action"] for entry in found] == ["user.updated", "user.created"]
    assert found[0]["changes"] == {"name": ["Darcel", "Darcy"]}
    assert found[0]["actor_id"] == str(site.users["admin"])
    first = admin.get("/audit?limit=1").json
    second = admin.get(f"/audit?limit=1&cursor={first['next_cursor']}").json
    assert [first["items"][0]["action"], second["items"][0]["action"]] == ["user.updated", "user.created"]
    assert site.browser("admin@globex.example").get(f"/audit?subject_id={user}").json["items"] == []


def test_the_organisation_is_renamed(site: Site, admin: Browser) -> None:
    read = admin.get("/organisation")
    assert (read.headers["ETag"], read.json["version"]) == ('"1"', 1)
    renamed = admin.patch("/organisation", {"name": "Acme Ltd"}, 1)
    assert (renamed.headers["ETag"], renamed.json["name"], renamed.json["version"]) == ('"2"', "Acme Ltd", 2)
    assert admin.get("/organisation").json == renamed.json
    assert admin.patch("/organisation", {"name": "Acme Ltd"}, 2).json["version"] == 2
    assert admin.patch("/organisation", {"name": "Other"}, 1).status_code == 412
    assert admin.patch("/organisation", {"name": "Other"}).status_code == 428
    assert site.browser("admin@globex.example").get("/organisation").json["name"] == "Globex"
    assert site.actions()[-1] == "organisation.updated"


def test_two_administrators_who_demote_each_other_at_once_leave_one(site: Site, admin: Browser) -> None:
    second = site.add_user(site.acme, "Second", Role.ADMIN, "second@acme.example")
    other = site.browser("second@acme.example")
    paths = [f"/users/{second}", f"/users/{site.users['admin']}"]
    versions = [admin.get(path).json["version"] for path in paths]
    browsers = [admin, other]
    answers = together(2, lambda i: browsers[i].patch(paths[i], {"role": "agent"}, versions[i]).status_code)
    # Who comes second is no administrator any more, or would be the last one.
    assert sorted(answers)[0] == 200
    assert sorted(answers)[1] in (401, 403, 409)
