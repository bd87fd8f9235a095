"""The application with the CRM and a vector index, as processes of a cluster share it or one has it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from bharat.app import Bharat, load_plugins
from bharat.config import load
from bharat.contracts.principal import Role
from bharat.contracts.vectors import Place, embedding_of
from bharat.data.clock import OffsetClock
from bharat.testing.suite import eventually
from bharat.work.service import Worker
from bharat.work.tables import events, jobs
from bharat_local_servers import ServerUnavailable
from bharat_local_servers.pytest_fixtures import missing
from tests.fixtures.application import Caller, OpenSite, Site
from tests.fixtures.homes import Homes
from tests.fixtures.qdrant import QdrantFacade

SOON = timedelta(seconds=20)
"""How long what must happen is waited for on a busy machine."""


class Desk:
    """A site with one organisation, its administrator, and workers that are started when asked for. `beside` are the variables of
    a further process."""

    def __init__(self, site: Site, slug: str = "acme", beside: Mapping[str, str] | None = None) -> None:
        self.site = site
        self.beside = beside or {}
        self.app = site.app
        self.organisation_id = site.organisation(slug)
        self.admin = site.user(self.organisation_id, Role.ADMIN)

    def contact(self, name: str, by: Caller | None = None, **more: Any) -> dict[str, Any]:
        answer = (by or self.admin).post("/api/v1/contacts", {"name": name, **more})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json
        return created

    def search(self, text: str, by: Caller | None = None, **parameters: str) -> dict[str, Any]:
        answer = (by or self.admin).get("/api/v1/search", params={"q": text, **parameters})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def titles(self, text: str, by: Caller | None = None, **parameters: str) -> list[str]:
        return [hit["title"] for hit in self.search(text, by, **parameters)["items"]]

    @contextmanager
    def working(self) -> Iterator[Worker]:
        worker = Worker(self.app)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()

    def work(self) -> None:
        """Until nothing is left to index."""
        with self.working():
            eventually(lambda: caught_up(self), within=SOON, what="the index is up to date")

    def health(self) -> str:
        """What everybody is told of search."""
        parts = self.site.client.simulate_get("/api/health").json["checks"]
        (status,) = (part["status"] for part in parts if part["name"] == "search")
        return str(status)

    def indexed(self) -> set[Place]:
        """Every point of the organisation."""
        return indexed(self.app, self.organisation_id)


def indexed(app: Bharat, organisation_id: Any) -> set[Place]:
    found: set[Place] = set()
    after: str | None = None
    while True:
        places, after = app.vectors.scan(embedding_of(app.embeddings), organisation_id, after=after)
        found |= set(places)
        if after is None:
            return found


def caught_up(desk: Desk) -> bool:
    """Whether all events are published, and nothing is left of the job that indexes."""
    unpublished = desk.app.database.read(None).scalar(sa.select(sa.func.count()).where(events.c.number.is_(None)))
    live = sa.select(sa.func.count()).where(jobs.c.kind == "search.index", jobs.c.finished_at.is_(None))
    return not unpublished and not desk.app.database.read(None).scalar(live)


@pytest.fixture(scope="module")
def running_qdrant() -> Iterator[QdrantFacade]:
    try:
        server = QdrantFacade()
    except ServerUnavailable as error:
        missing(str(error))
    with server:
        yield server


@pytest.fixture
def qdrant(running_qdrant: QdrantFacade) -> QdrantFacade:
    """Running and empty."""
    running_qdrant.start()
    running_qdrant.empty()
    return running_qdrant


@pytest.fixture
def with_qdrant(qdrant: QdrantFacade) -> Mapping[str, str]:
    """The variables that choose the server."""
    return {
        "BHARAT_VECTORS__PROVIDER": "qdrant", "QDRANT_URL": qdrant.url, "QDRANT_API_KEY": qdrant.api_key,
        "BHARAT_VECTORS__QDRANT__PREFIX": "bharat", "BHARAT_VECTORS__QDRANT__TIMEOUT": "2",
        "BHARAT_VECTORS__QDRANT__REST": "0.2",
    }  # fmt: skip


@pytest.fixture
def desk(open_site: OpenSite, homes: Homes, with_qdrant: Mapping[str, str], tmp_path: Path) -> Desk:
    site = open_site("crm", "vector_qdrant", **with_qdrant)
    return Desk(site, beside=homes.beside(site.app, tmp_path))


class OpenAnother(Protocol):
    def __call__(self, site: Site, **environ: str) -> Site: ...


@pytest.fixture
def open_another(homes: Homes, tmp_path: Path, clock: OffsetClock) -> Iterator[OpenAnother]:
    """Another instance of the application on the same database, with a home of its own."""
    with ExitStack() as stack:

        def opener(site: Site, **environ: str) -> Site:
            settings = {
                **homes.beside(site.app, tmp_path), "BHARAT_SECRET_KEY": "of all nodes " * 4, "DATABASE_URL": site.app.config.database.url.reveal(),
                "BHARAT_SERVER__PUBLIC_URL": site.app.config.server.public_url, **environ,
            }  # fmt: skip
            config = load(None, settings)
            app = Bharat(config, load_plugins(config), clock)
            stack.callback(app.close)
            return Site(app, site.owner)

        yield opener
