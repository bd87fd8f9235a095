"""Plugins are asked while the application is assembled; a request calls no hook."""

from __future__ import annotations

from typing import Any

import pluggy
import pytest

from bharat.contracts.errors import PluginError
from bharat.contracts.principal import Role
from bharat.plugins.hooks import SPECS
from tests.fixtures.application import OpenSite, Site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
def shop(open_site: OpenSite) -> Site:
    return open_site("crm", "sample")


@pytest.fixture
def no_hooks(shop: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on a call of a hook raises and is noted here."""
    called: list[str] = []
    call = pluggy.HookCaller.__call__

    def caught(self: pluggy.HookCaller, **arguments: object) -> Any:
        if self.name not in SPECS:
            return call(self, **arguments)  # pytest is made of hooks too
        called.append(self.name)
        raise AssertionError(f"{self.name} was called")

    monkeypatch.setattr(pluggy.HookCaller, "__call__", caught)
    return called


def test_requests_are_answered_without_a_hook(shop: Site, no_hooks: list[str]) -> None:
    asha = shop.user(shop.organisation("acme"), Role.ADMIN)
    visit = asha.post("/api/v1/site_visits", {"subject": "Survey", "planned_on": "2026-03-01"})
    path = f"/api/v1/site_visits/{visit.json['id']}"
    answers = [
        visit,
        asha.get(path),
        asha.patch(path, {"subject": "Visit"}),
        asha.get("/api/v1/site_visits"),
        asha.delete(path),
        asha.post("/api/v1/sample/greetings"),
        asha.get("/api/v1/reports/pipeline"),
        asha.get("/api/v1/me"),
        *(shop.client.simulate_get(page) for page in ("/", "/api/health", "/openapi.json", "/readyz")),
    ]
    assert {answer.status_code for answer in answers} <= {200, 201, 204}, [answer.status for answer in answers]
    assert no_hooks == []


def test_a_hook_that_is_called_all_the_same_is_noticed(shop: Site, no_hooks: list[str]) -> None:
    """The mutant: `Plugins.commands` asks the plugins when it is called."""
    with pytest.raises(PluginError):
        shop.app.plugins.commands()
    assert no_hooks == ["bharat_commands"]
