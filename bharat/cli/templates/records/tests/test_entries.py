"""The whole plugin in a whole application: what its users see of it."""

from __future__ import annotations

import pytest
from bharat.contracts.principal import Role
from bharat.testing.site import Caller, OpenSite, Site


@pytest.fixture
def site(open_site: OpenSite) -> Site:
    return open_site("new_plugin")


@pytest.fixture
def asha(site: Site) -> Caller:
    return site.user(site.organisation("acme"), Role.AGENT)


def test_an_entry_is_made_and_found(asha: Caller) -> None:
    made = asha.post("/api/v1/new_plugin", {"subject": "Call the supplier", "due_on": "2030-01-31"})
    assert (made.status_code, made.json["state"]) == (201, "open")
    found = asha.get("/api/v1/new_plugin", params={"q": "supplier"})
    assert [entry["subject"] for entry in found.json["items"]] == ["Call the supplier"]


def test_what_is_done_has_an_outcome(asha: Caller) -> None:
    entry = asha.post("/api/v1/new_plugin", {"subject": "Call the supplier"}).json
    refused = asha.patch(f"/api/v1/new_plugin/{entry['id']}", {"state": "done"})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "/outcome")


def test_what_is_done_is_written_down(site: Site, asha: Caller) -> None:
    entry = asha.post("/api/v1/new_plugin", {"subject": "Call the supplier"}).json
    done = asha.patch(f"/api/v1/new_plugin/{entry['id']}", {"state": "done", "outcome": "On Monday."})
    assert done.status_code == 200
    assert site.app.storage.list("new_plugin/") == []
    site.work()
    (file,) = site.app.storage.list("new_plugin/")
    text = b"".join(site.app.storage.open(file.key).chunks).decode()
    assert text == "Call the supplier\n\nOn Monday.\n"


def test_the_summary_counts_what_the_caller_may_read(site: Site) -> None:
    acme = site.organisation("acme")
    asha, ravi, admin = (site.user(acme, role) for role in (Role.AGENT, Role.AGENT, Role.ADMIN))
    asha.post("/api/v1/new_plugin", {"subject": "One"})
    ravi.post("/api/v1/new_plugin", {"subject": "Two"})
    ravi.post("/api/v1/new_plugin", {"subject": "Three", "state": "done", "outcome": "Well."})
    assert asha.get("/api/v1/new_plugin-summary").json == {"open": 1, "done": 0}
    assert admin.get("/api/v1/new_plugin-summary").json == {"open": 2, "done": 1}


def test_another_organisation_sees_nothing(site: Site, asha: Caller) -> None:
    asha.post("/api/v1/new_plugin", {"subject": "One"})
    other = site.user(site.organisation("globex"), Role.ADMIN)
    assert other.get("/api/v1/new_plugin").json["items"] == []
    assert other.get("/api/v1/new_plugin-summary").json == {"open": 0, "done": 0}


def test_nobody_else_may_look(site: Site) -> None:
    assert site.client.simulate_get("/api/v1/new_plugin-summary").status_code == 401
