"""The application with one combination of providers, all of them real."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bharat.app import Bharat
from bharat.testing.site import OpenSite
from bharat.testing.site import Site as Opened
from bharat_local_servers import SmtpSink, Valkey
from bharat_local_servers.pytest_fixtures import required
from tests.accounts.site import Site
from tests.fixtures.homes import NOWHERE
from tests.fixtures.qdrant import QdrantFacade
from tests.fixtures.stores import PLUGINS, bucket_of, mailing
from tests.fixtures.texts import texts_in_outbox, texts_to
from tests.pairs.providers import CLUSTER, COMBINATIONS, Combination, mode_of


@dataclass(frozen=True)
class Pair:
    """A site with two organisations and users of each role, and what was combined."""

    site: Site
    opened: Opened
    combined: Combination


@pytest.fixture(params=COMBINATIONS, ids=lambda combined: f"{mode_of(combined)}-{'-'.join(combined.values())}")
def combined(request: pytest.FixtureRequest) -> Combination:
    found: Combination = request.param
    return found


@pytest.fixture
def dialect(combined: Combination) -> str:
    return combined["database"]


@pytest.fixture(scope="module")
def running_sink() -> Iterator[SmtpSink]:
    with required(SmtpSink) as server:
        yield server


@pytest.fixture(scope="module")
def running_qdrant() -> Iterator[QdrantFacade]:
    with required(QdrantFacade) as server:
        yield server


@pytest.fixture
def pair(request: pytest.FixtureRequest, open_site: OpenSite, combined: Combination) -> Pair:
    environ = {f"BHARAT_{kind}__PROVIDER".upper(): home for kind, home in combined.items() if kind != "database"}
    environ["BHARAT_MODE"] = mode_of(combined)
    if combined == CLUSTER:
        environ |= {"BHARAT_HOME": NOWHERE, "BHARAT_SECRET_KEY": secrets.token_urlsafe(48)}
    if "redis" in combined.values():
        valkey: Valkey = request.getfixturevalue("valkey")
        environ["REDIS_URL"] = environ["REDIS_CACHE_URL"] = valkey.url
    if combined["storage"] == "spaces":
        environ |= bucket_of(request.getfixturevalue("gateway"))
    if combined["vectors"] == "qdrant":
        qdrant: QdrantFacade = request.getfixturevalue("running_qdrant")
        qdrant.empty()
        environ |= {"QDRANT_URL": qdrant.url, "QDRANT_API_KEY": qdrant.api_key}
    sink: SmtpSink | None = None
    if combined["mail"] == "smtp":
        sink = request.getfixturevalue("running_sink")
        sink.clear()
        environ |= mailing(sink)
    opened = open_site("crm", *PLUGINS, **environ)

    def mails(app: Bharat, address: str) -> list[str]:
        return texts_in_outbox(app, address) if sink is None else texts_to(address, [m.content for m in sink.mails()])

    return Pair(Site(opened.app, mails), opened, combined)
