"""API keys over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bharat.contracts.route import Authenticated
from bharat.data.clock import OffsetClock
from tests.accounts.site import Site

AGENT = "agent@acme.example"


def test_a_key_is_shown_once(site: Site) -> None:
    browser = site.browser(AGENT)
    made = browser.post("/api-keys", {"name": "report", "scopes": ["users:read"]})
    assert made.status_code == 201
    text = made.json["key"]
    assert text.startswith("bh_")
    assert len(text) == 67
    listed = browser.get("/api-keys").json["items"]
    assert [key["name"] for key in listed] == ["report"]
    assert listed[0]["hint"] == text[-4:]
    assert text not in str(listed)
    entries = site.browser("admin@acme.example").get("/audit?action=api_key.created")
    assert len(entries.json["items"]) == 1
    assert text not in entries.text


def test_a_key_does_what_its_scopes_and_its_owners_role_allow(site: Site) -> None:
    browser = site.browser(AGENT)
    narrow = site.script(browser.post("/api-keys", {"name": "n", "scopes": ["teams:read"]}).json["key"])
    reading = site.script(browser.post("/api-keys", {"name": "r", "scopes": ["*:read"]}).json["key"])
    broad = site.script(browser.post("/api-keys", {"name": "b", "scopes": ["*"]}).json["key"])
    assert narrow.get("/teams").status_code == 200
    assert narrow.get("/users").status_code == 403
    assert reading.get("/users").status_code == 200
    assert broad.get("/users").status_code == 200
    assert broad.post("/users", {"name": "X"}).status_code == 403


@pytest.mark.parametrize("scopes", [["deals:fly"], ["*:fly"], ["read"], []])
def test_a_scope_that_is_none_is_refused(site: Site, scopes: list[str]) -> None:
    assert site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": scopes}).status_code == 422


def test_a_key_expires(site: Site, clock: OffsetClock) -> None:
    until = (clock.now() + timedelta(days=2)).isoformat()
    made = site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": ["*"], "expires_at": until})
    script = site.script(made.json["key"])
    assert script.get("/me").status_code == 200
    clock.offset += timedelta(days=3)
    assert script.get("/me").status_code == 401
    past = (clock.now() - timedelta(days=1)).isoformat()
    assert site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": ["*"], "expires_at": past}).status_code == 422


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_an_expiry_that_utc_does_not_know_is_refused(site: Site, moment: str) -> None:
    refused = site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": ["*"], "expires_at": moment})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["path"] == "/expires_at"


def test_a_revoked_key_ends_at_once_by_its_owner_or_an_administrator(site: Site) -> None:
    agent, viewer, admin = (site.browser(f"{role}@acme.example") for role in ("agent", "viewer", "admin"))
    made = [agent.post("/api-keys", {"name": name, "scopes": ["*"]}).json for name in ("a", "b")]
    assert viewer.delete(f"/api-keys/{made[0]['id']}").status_code == 404
    assert site.browser("admin@globex.example").delete(f"/api-keys/{made[0]['id']}").status_code == 404
    assert agent.delete(f"/api-keys/{made[0]['id']}").status_code == 204
    assert admin.delete(f"/api-keys/{made[1]['id']}").status_code == 204
    for key in made:
        assert site.script(key["key"]).get("/me").status_code == 401
    assert agent.get("/api-keys").json["items"] == []


def test_only_administrators_list_everybodys_keys(site: Site) -> None:
    agent, admin = site.browser(AGENT), site.browser("admin@acme.example")
    agent.post("/api-keys", {"name": "theirs", "scopes": ["*"]})
    assert admin.get("/api-keys").json["items"] == []
    assert [key["name"] for key in admin.get("/api-keys?everyone=true").json["items"]] == ["theirs"]
    assert agent.get("/api-keys?everyone=true").status_code == 403
    assert site.browser("admin@globex.example").get("/api-keys?everyone=true").json["items"] == []


BY_LOGIN = {
    ("GET", "/me/sessions"): None,
    ("DELETE", "/me/sessions"): None,
    ("DELETE", "/me/sessions/{handle}"): None,
    ("PUT", "/me/password"): {"current_password": "x", "new_password": "y"},
    ("POST", "/api-keys"): {"name": "k", "scopes": ["*"]},
    ("DELETE", "/api-keys/{id:uuid}"): None,
}


def test_what_the_api_document_keeps_for_logins_is_refused_to_keys(site: Site) -> None:
    declared = {
        (owned.item.method, owned.item.path.removeprefix("/api/v1"))
        for owned in site.app.routes()
        if isinstance(owned.item.access, Authenticated) and owned.item.access.by_login
    }
    assert declared == set(BY_LOGIN)
    script = site.script(site.browser(AGENT).post("/api-keys", {"name": "k", "scopes": ["*"]}).json["key"])
    paths = site.client.simulate_get("/openapi.json").json["paths"]
    for (method, path), body in BY_LOGIN.items():
        shown = path.replace(":uuid", "")
        assert paths[f"/api/v1{shown}"][method.lower()]["security"] == [{"session": []}]
        filled = shown.replace("{handle}", "a" * 32).replace("{id}", "01900000-0000-7000-8000-000000000000")
        assert script.call(method, filled, body).status_code == 403, (method, path)
