"""A third party's distribution shows up everywhere, by its entry point alone."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from bharat.app import load_plugins, schema_of
from bharat.cli import cli
from bharat.cli.base import Runtime
from bharat.config import load
from bharat.contracts.principal import Role
from bharat.data.migrations.generate import make_migration
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work.clock import CronClock
from bharat.work.service import Worker
from bharat.work.worker import Runner
from tests.fixtures.application import OpenSite, Site


@pytest.fixture
def shop(open_site: OpenSite) -> Site:
    return open_site("sample", BHARAT_PLUGIN__SAMPLE__GREETING="Vanakkam")


def bharat(home: Path, *arguments: str, enabled: str = "sample") -> str:
    runtime = Runtime(environ={"BHARAT_HOME": str(home), "BHARAT_PLUGINS": enabled})
    result = CliRunner().invoke(cli, arguments, obj=runtime, standalone_mode=False, catch_exceptions=False)
    return result.output


def test_the_list_of_plugins_shows_it_enabled_and_not(tmp_path: Path) -> None:
    def state(enabled: str) -> str:
        plugins = json.loads(bharat(tmp_path, "plugins", "--json", enabled=enabled))["plugins"]
        found = next(one for one in plugins if one["name"] == "sample")
        return "enabled" if found["enabled"] else "installed"

    assert (state("sample"), state("")) == ("enabled", "installed")


def test_its_page_names_everything_that_it_adds(tmp_path: Path) -> None:
    report = json.loads(bharat(tmp_path, "plugins", "sample", "--json"))
    assert report["distribution"] == "bharat-sample"
    assert report["providers"] == []
    assert [one["name"] for one in report["settings"]] == ["greeting"]
    assert report["adds"] == {
        "record types": ["site_visit"],
        "routes": ["POST /api/v1/sample/greetings"],
        "jobs": ["sample.keep_greeting"],
        "cron entries": ["sample.good_morning"],
        "checks": ["sample.greetings"],
        "integrations": ["doorbell"],
        "commands": ["sample-greet"],
    }


def test_its_command_is_in_the_help_and_runs_with_its_settings(tmp_path: Path) -> None:
    assert "sample-greet" in bharat(tmp_path, "--help")
    assert "sample-greet" not in bharat(tmp_path, "--help", enabled="")
    assert bharat(tmp_path, "sample-greet", "Asha") == "Namaste, Asha\n"


def test_its_revisions_and_its_tables_agree(tmp_path: Path) -> None:
    config = load(None, {"BHARAT_HOME": str(tmp_path), "BHARAT_PLUGINS": "sample"})
    assert make_migration(schema_of(load_plugins(config)), "sample", "Nothing") is None


def test_its_endpoints_are_in_the_openapi_document(shop: Site) -> None:
    paths = shop.client.simulate_get("/openapi.json").json["paths"]
    assert "post" in paths["/api/v1/sample/greetings"]
    assert {"get", "post"} <= set(paths["/api/v1/site_visits"])


def test_its_health_check_is_in_the_platform_s_health(shop: Site) -> None:
    checks = shop.client.simulate_get("/api/health").json["checks"]
    assert ("sample.greetings", "ok") in [(check["name"], check["status"]) for check in checks]


def test_its_records_keep_its_rule(shop: Site) -> None:
    asha = shop.user(shop.organisation("acme"), Role.AGENT)
    visit = {"subject": "Survey", "planned_on": "2026-03-01"}
    assert asha.post("/api/v1/site_visits", visit).json["outcome"] == "planned"
    refused = asha.post("/api/v1/site_visits", {**visit, "closed_on": "2026-03-02"})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "/outcome")


def test_its_route_causes_a_job_that_writes_a_file(shop: Site) -> None:
    asha = shop.user(shop.organisation("acme"), Role.AGENT)
    answer = asha.post("/api/v1/sample/greetings")
    assert answer.json["text"] == f"Vanakkam, visitor {asha.user_id}"
    worker = Worker(shop.app)
    worker.start()
    try:
        eventually(lambda: bool(shop.app.storage.list("sample/")), within=timedelta(seconds=30), what="the job ran")
    finally:
        worker.stop()
    (file,) = shop.app.storage.list("sample/greetings/")
    assert file.key == f"sample/greetings/{answer.json['job_id']}.txt"
    assert b"".join(shop.app.storage.open(file.key).chunks).decode() == answer.json["text"]


def test_a_viewer_may_not_be_greeted_and_no_job_is_left(shop: Site) -> None:
    viewer = shop.user(shop.organisation("acme"), Role.VIEWER)
    assert viewer.post("/api/v1/sample/greetings").status_code == 403


def test_its_doorbell_is_set_up_and_what_it_says_is_written_down(shop: Site) -> None:
    path = "/api/v1/integrations/doorbell"
    asha = shop.user(shop.organisation("acme"), Role.ADMIN)
    body = {"api_token": "the doorbell's own", "door": "garden gate"}
    made = asha.call("PUT", path, json=body, headers={"If-Match": "*"})
    assert (made.json["settings"], made.json["secrets"]["api_token"]["set"]) == ({"door": "garden gate"}, True)
    opened = asha.post(f"{path}/webhook", {}).json

    def ring(id: str, secret: str = opened["secret"]) -> int:
        said, at = b'{"visitor": "Meera"}', int(shop.app.clock.now().timestamp())
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{id}.{at}.".encode() + said, "sha256")
        signature = f"v1,{base64.b64encode(digest).decode()}"
        headers = {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}
        place = opened["url"].removeprefix(shop.app.public_url)
        return shop.client.simulate_post(place, body=said, headers=headers).status_code

    assert (ring("msg_1"), ring("msg_1"), ring("msg_2", secret=f"whsec_{'A' * 44}")) == (202, 202, 401)
    Runner(shop.app, shop.app.catalogue.jobs).run_due(shop.app.catalogue.queues)
    (file,) = shop.app.storage.list("sample/rings/")
    assert b"".join(shop.app.storage.open(file.key).chunks) == b"Meera at the garden gate"


def test_its_cron_entry_is_run_by_the_clock_each_morning(shop: Site, clock: ShiftableClock) -> None:
    app = shop.app
    cron, runner = CronClock(app.database, app.catalogue), Runner(app, app.catalogue.jobs)

    def work() -> None:
        cron.look()
        runner.run_due(app.catalogue.queues)

    morning = clock.now().astimezone(ZoneInfo("Asia/Kolkata")).replace(hour=7, minute=0, second=0) + timedelta(days=1)
    clock.advance(morning - timedelta(minutes=1) - clock.now())
    work()
    assert app.storage.list("sample/greetings/") == []
    clock.advance(timedelta(minutes=1))
    work()
    (file,) = app.storage.list("sample/greetings/")
    assert b"".join(app.storage.open(file.key).chunks).decode() == "Vanakkam, everyone"
