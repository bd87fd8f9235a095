"""The product's one claim: the same code runs on one node and as a cluster; configuration alone makes the difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from bharat.config import load
from bharat.data.audit import audit_entries
from bharat.work.tables import events, jobs
from bharat_local_servers import processes
from tests.cluster.browser import Browser
from tests.cluster.sites import ClusterSite, Site, database_of, logged_in, separate_sites


@pytest.fixture
def replaced(site: Site) -> Iterator[None]:
    """Whatever a test did to server A, it is there again afterwards."""
    yield
    site.replace("a")


def new_deal(browser: Browser, server: str) -> dict[str, Any]:
    """A deal in a pipeline of its own, made at the server."""

    def make(plural: str, **values: object) -> dict[str, Any]:
        answer = browser.post(f"{server}/api/v1/{plural}", values)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.body
        return made

    pipeline = make("pipelines", name=f"Sales {uuid4().hex[:8]}")
    make("stages", name="Prospecting", pipeline_id=pipeline["id"])
    return make("deals", name="Loom", pipeline_id=pipeline["id"], amount="125000.5000", amount_currency="INR")


def outlive_the_loss_of_a(site: Site, browser: Browser) -> None:
    """Logged in on A: make a deal on B, lose A with everything on it, read the deal on the new A."""
    deal = new_deal(browser, site.server("b"))
    site.lose("a")
    site.replace("a")
    answer = browser.get(f"{site.server('a')}/api/v1/deals/{deal['id']}")
    assert (answer.status, answer.body) == (200, deal)


def test_a_login_on_a_and_a_deal_from_b_outlive_the_loss_of_a(site: Site, asha: Browser, replaced: None) -> None:
    """Protected by the shared providers that `mode = "cluster"` demands (`Plugins._hold_to_mode`)."""
    outlive_the_loss_of_a(site, asha)


def test_two_nodes_that_share_nothing_would_lose_both(tmp_path: Path) -> None:
    """The mutant of the test above: two nodes with embedded defaults instead of shared ones."""
    with separate_sites(tmp_path) as site, pytest.raises(AssertionError, match="status=401"):
        outlive_the_loss_of_a(site, logged_in(site))


def test_the_same_through_the_edge(site: Site, replaced: None) -> None:
    browser = logged_in(site, site.edge)
    deal = new_deal(browser, site.edge)
    site.lose("a")
    site.replace("a")
    for _ in range(4):
        answer = browser.get(f"{site.edge}/api/v1/deals/{deal['id']}")
        assert (answer.status, answer.body) == (200, deal)


def test_a_logout_on_b_ends_the_session_on_a_at_once(site: Site, asha: Browser) -> None:
    me = f"{site.server('a')}/api/v1/me"
    assert asha.get(me).status == 200
    stolen = Browser(dict(asha.cookies))
    assert asha.post(f"{site.server('b')}/api/v1/logout").status < 300
    assert stolen.get(me).status == 401


def test_without_a_login_nothing_is_shown(site: Site) -> None:
    for server in (site.server("a"), site.server("b"), site.edge):
        assert Browser().get(f"{server}/api/v1/deals").status == 401


def test_a_request_has_one_id_from_the_edge_to_the_answer(site: Site) -> None:
    ids = {Browser().get(f"{site.edge}/api/health").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_what_a_request_caused_bears_its_id(site: Site) -> None:
    """The event, the audit entry and the job, whatever id a stranger claims to have."""
    browser, claimed = logged_in(site, site.edge), uuid4().hex
    company = browser.post(f"{site.edge}/api/v1/companies", {"name": f"Loom {claimed}"}, x_request_id=claimed)
    address = {"email": f"{claimed}@example.com", "role": "viewer"}
    invited = browser.post(f"{site.edge}/api/v1/invitations", address, x_request_id=claimed)
    assert (company.status, invited.status) == (201, 201), (company, invited)
    made, asked = company.headers["x-request-id"], invited.headers["x-request-id"]
    assert len({made, asked, claimed}) == 3
    with database_of(site) as (database, organisation):

        def found(column: sa.Column[Any], request_id: sa.Column[Any], id: str) -> list[Any]:
            rows = database.read(organisation).rows(sa.select(column).where(request_id == id))
            return [row[0] for row in rows]

        assert found(events.c.type, events.c.request_id, made) == ["company.created"]
        assert found(audit_entries.c.action, audit_entries.c.request_id, made) == ["company.created"]
        assert found(jobs.c.kind, jobs.c.request_id, asked) == ["accounts.mail"]
        assert found(events.c.id, events.c.request_id, claimed) == []


class TestTheCluster:
    """What only several servers can show."""

    @pytest.fixture
    def site(self, sites: dict[str, Site]) -> Site:
        return sites["cluster"]

    def test_while_a_server_is_down_the_edge_serves_from_the_other(
        self, site: Site, asha: Browser, replaced: None
    ) -> None:
        deal = new_deal(asha, site.edge)
        site.lose("a")
        for _ in range(10):
            assert asha.get(f"{site.edge}/api/v1/deals/{deal['id']}").status == 200
        assert new_deal(asha, site.edge)["id"] != deal["id"]

    def test_without_redis_nobody_is_logged_out_and_nobody_let_in(self, site: ClusterSite, asha: Browser) -> None:
        me = f"{site.edge}/api/v1/me"
        site.cluster.valkey.stop()
        try:
            answer = asha.get(me)
            assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
            assert asha.cookies
            assert Browser(dict.fromkeys(asha.cookies, "forged")).get(me).status == 503
        finally:
            site.cluster.valkey.start()
        assert asha.get(me).status == 200

    def test_one_id_leads_from_the_edges_log_to_the_workers(self, site: ClusterSite, asha: Browser) -> None:
        address = {"email": f"{uuid4().hex}@example.com", "role": "viewer"}
        request_id = asha.post(f"{site.edge}/api/v1/invitations", address).headers["x-request-id"]
        access = site.cluster.nginx.folder / "access.log"
        worker = site.cluster.worker.log_path
        assert processes.poll(lambda: f"request {request_id}" in worker.read_text(), 30), worker.read_text()
        assert f" {request_id} " in access.read_text()
        assert "accounts.mail" in next(line for line in worker.read_text().splitlines() if request_id in line)

    def test_servers_keep_nothing_on_themselves(self, site: Site, asha: Browser) -> None:
        new_deal(asha, site.server("a"))
        new_deal(asha, site.server("b"))
        homes = [site.config.parent / name / "home" for name in ("node-a", "node-b")]
        assert [list(home.iterdir()) for home in homes] == [[], []]


THE_DIFFERENCE = {
    "home",
    "mode",
    "secret_key",
    "plugins",
    "server.public_url",
    "server.trusted_proxies",
    "server.port",
    "database.url",
    "storage.provider",
    "storage.shared_folder.root",
    "sessions.provider",
    "sessions.redis.url",
    "cache.provider",
    "mail.provider",
}


def test_only_configuration_differs(sites: dict[str, Site]) -> None:
    """Every key that is set anywhere is one of these; the plugins differ by the driver of the shared sessions alone."""
    single, cluster = (load(sites[name].config, {}) for name in ("single", "cluster"))
    set_somewhere = {row.key for config in (single, cluster) for row in config.describe() if row.source != "default"}
    assert set_somewhere == THE_DIFFERENCE
    assert (single.mode, cluster.mode) == ("single", "cluster")
    assert set(cluster.plugins) - set(single.plugins) == {"session_redis"}
    assert set(single.plugins) <= set(cluster.plugins)
