"""Every hook has a page, the page states its signature, and its example is a plugin that works."""

from __future__ import annotations

import inspect
import logging
import sys
import types
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bharat import hookspecs
from bharat.cli.templates.cache.cache import NewPluginCache
from bharat.cli.templates.storage.storage import NewPluginStorage
from bharat.contracts.delivery import Delivery
from bharat.contracts.principal import Role
from bharat.data import new_id
from bharat.plugins import survey
from bharat.plugins.hooks import SPECS
from bharat.plugins.items import CAPABILITY_HOOKS
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import eventually
from bharat.work.service import Worker
from bharat.work.worker import Runner
from tests.docs.markdown import Page
from tests.fixtures.application import OpenSite
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT
from tests.testing.away import RemoteJobs, RemoteLeases, RemoteLimits, RemoteLocks, RemoteSessions

FOLDER = ROOT / "docs" / "plugins" / "hooks"
CAPABILITY_OF = {hook: capability for capability, hook in CAPABILITY_HOOKS.items()}
READERS_OWN: Mapping[str, tuple[str, Any]] = {
    "my_cabinet": ("Cabinet", NewPluginStorage),
    "my_shelf": ("Shelf", NewPluginCache),
    "my_vault": ("VaultSessions", lambda options, platform: RemoteSessions(platform)),
    "my_locks": ("LeaseService", lambda fences: RemoteLocks(SmallPlatform(Path(), fences=fences), RemoteLeases())),
    "my_counters": ("Counters", lambda clock: RemoteLimits(SmallPlatform(Path(), clock=clock))),
    "my_queue": ("WakeUps", lambda: RemoteJobs(SmallPlatform(Path()))),
}
"""Modules that examples import because their reader has them, each with what stands in for its backend here."""


def page_of(hook: str) -> Page:
    return Page(FOLDER / f"{hook}.md")


def example(hook: str) -> str:
    (code,) = page_of(hook).blocks("python")
    return code


def test_every_hook_has_a_page_and_every_page_a_hook() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(SPECS)


def test_the_guide_lists_every_hook() -> None:
    listed = {link for link in Page(ROOT / "docs/plugins/README.md").links() if link.startswith("hooks/")}
    assert listed == {f"hooks/{hook}.md" for hook in SPECS}


@pytest.mark.parametrize("hook", SPECS)
def test_the_page_states_the_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"`{hook}{signature}`" in page_of(hook).text


@pytest.mark.parametrize("hook", SPECS)
def test_the_page_says_when_with_what_and_what_is_returned(hook: str) -> None:
    for heading in ("**When.**", "**With.**", "**Returns.**", "## Example"):
        assert heading in page_of(hook).text


@pytest.mark.parametrize("hook", SPECS)
def test_the_example_is_a_plugin_that_works(
    hook: str, distributions: Distributions, open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, (name, stand_in) in READERS_OWN.items():
        made = types.ModuleType(module)
        setattr(made, name, stand_in)
        monkeypatch.setitem(sys.modules, module, made)
    distributions.add("example", example(hook))
    environ = {}
    capability = CAPABILITY_OF.get(hook)
    if capability is not None:
        environ[f"BHARAT_{capability.upper()}__PROVIDER"] = chosen_in(hook)
    site = open_site("example", **environ)
    app = site.app
    report = next(one for one in survey(app.config, ())[0] if one.name == "example")
    assert report.problem == ""
    assert hook in report.hooks
    if hook == "bharat_demo":
        app.plugins.fill_demo(app, site.organisation("acme"), new_id())
    if capability is not None:
        built = type(getattr(app, capability)).__module__
        assert built == distributions.modules["example"] or built.startswith(
            ("tests.testing.", "bharat.cli.templates.")
        )


@pytest.mark.parametrize("hook", ["bharat_permission_checks"])
def test_a_permission_check_refuses_with_its_reason(
    hook: str, distributions: Distributions, open_site: OpenSite
) -> None:
    distributions.add("example", example(hook))
    site = open_site("sample", "example")
    asha = site.user(site.organisation("acme"), Role.ADMIN)
    visit = asha.post("/api/v1/site_visits", {"subject": "Survey", "planned_on": "2026-03-01"}).json
    refused = asha.delete(f"/api/v1/site_visits/{visit['id']}")
    assert refused.status_code == 403
    assert refused.json["detail"] == "API keys can't delete anything here; log in to do that."
    assert asha.get(f"/api/v1/site_visits/{visit['id']}").status_code == 200


@pytest.mark.parametrize("hook", ["bharat_subscribers"])
def test_a_subscriber_is_told_of_a_record_that_was_made(
    hook: str, distributions: Distributions, open_site: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    distributions.add("example", example(hook))
    site = open_site("sample", "example")
    asha = site.user(site.organisation("acme"), Role.ADMIN)
    visit = asha.post("/api/v1/site_visits", {"subject": "Survey", "planned_on": "2026-03-01"}).json
    told = f"site_visit.created of {visit['id']}"
    worker = Worker(site.app)
    with caplog.at_level(logging.INFO, logger="example"):
        worker.start()
        try:
            eventually(lambda: told in caplog.text, within=timedelta(seconds=30), what="the subscriber was told")
        finally:
            worker.stop()


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("hook", ["bharat_delivery_channels"])
def test_a_delivery_channel_is_found_in_the_registry(
    hook: str, distributions: Distributions, open_site: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    distributions.add("example", example(hook))
    app = open_site("example").app
    (owned,) = app.registry["delivery_channels"]
    assert (owned.plugin, owned.item.name) == ("example", "shout")
    owned.item.deliver(app, Delivery(id="1", address="Asha", subject="Namaste", text="", data={}))
    assert "Asha: Namaste" in caplog.text


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("hook", ["bharat_integrations"])
def test_the_integration_takes_what_github_signs_and_once(
    hook: str, distributions: Distributions, open_site: OpenSite
) -> None:
    """With the example of docs.github.com, "Validating webhook deliveries"."""
    distributions.add("example", example(hook))
    site = open_site("example")
    asha, path = site.user(site.organisation("acme"), Role.ADMIN), "/api/v1/integrations/github"
    settings = {"repository": "asha/lamps", "token": "a token of at least twenty characters"}
    assert asha.call("PUT", path, json=settings, headers={"If-Match": "*"}).status_code == 200
    url = asha.post(f"{path}/webhook", {"secret": "It's a Secret to Everybody"}).json["url"]
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    def sent(body: bytes) -> int:
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
        return site.client.simulate_post(url.removeprefix(site.app.public_url), body=body, headers=headers).status_code

    assert [sent(body) for body in (b"Hello, World!", b"Hello, World!", b"Hello, world!")] == [202, 202, 401]
    Runner(site.app, site.app.catalogue.jobs).run_due(site.app.catalogue.queues)
    assert len(site.app.storage.list("pushes/")) == 1


def chosen_in(hook: str) -> str:
    """The name that the example gives its provider."""
    return example(hook).partition('Provider("')[2].partition('"')[0]
