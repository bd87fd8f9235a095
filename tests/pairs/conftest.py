"""The application with one combination of providers, all of them real."""

from __future__ import annotations

import email
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy

import pytest

from bharat.testing.site import OpenSite
from bharat.testing.site import Site as Opened
from bharat_local_servers import RadosGateway, SmtpSink, Valkey
from bharat_local_servers.pytest_fixtures import required
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client
from tests.accounts.site import Site
from tests.fixtures.qdrant import QdrantFacade
from tests.pairs.providers import COMBINATIONS, Combination

PLUGINS = (
    "crm", "session_redis", "locks_redis", "cache_redis", "storage_spaces", "vector_qdrant", "mail_smtp",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A site with two organisations and users of each role, and what was combined."""

    site: Site
    opened: Opened
    combined: Combination
    sent: Callable[[str], list[str]]
    """The texts of the mails that an address got."""


@pytest.fixture(params=COMBINATIONS, ids=lambda combined: "-".join(combined.values()))
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
    if "redis" in combined.values():
        valkey: Valkey = request.getfixturevalue("valkey")
        environ["REDIS_URL"] = environ["REDIS_CACHE_URL"] = valkey.url
    if combined["storage"] == "spaces":
        environ |= _bucket(request.getfixturevalue("gateway"))
    if combined["vectors"] == "qdrant":
        qdrant: QdrantFacade = request.getfixturevalue("running_qdrant")
        qdrant.empty()
        environ |= {"QDRANT_URL": qdrant.url, "QDRANT_API_KEY": qdrant.api_key}
    sink: SmtpSink | None = None
    if combined["mail"] == "smtp":
        sink = request.getfixturevalue("running_sink")
        sink.clear()
        environ |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(sink.port), "BHARAT_MAIL__SMTP__TLS": "none"}
        environ["BHARAT_ACCOUNTS__MAIL_SENDER"] = "crm@acme.example"
    opened = open_site(*PLUGINS, **environ)
    site = Site(opened.app)

    def sent(address: str) -> list[str]:
        if sink is None:
            return site.mails(address)
        taken = [mail.content for mail in sink.mails() if address in mail.recipients]
        return [email.message_from_bytes(each, policy=policy.default).get_content() for each in taken]

    return Pair(site, opened, combined, sent)


def _bucket(gateway: RadosGateway) -> dict[str, str]:
    """A bucket of the test's own."""
    bucket = f"files-{secrets.token_hex(6)}"
    client = open_client(
        SpacesOptions(
            bucket=bucket, key=gateway.access_key, secret=gateway.secret_key, endpoint=gateway.url, path_style=True
        )
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    return {
        "SPACES_ENDPOINT": gateway.url, "SPACES_BUCKET": bucket, "SPACES_KEY": gateway.access_key,
        "SPACES_SECRET": gateway.secret_key, "BHARAT_STORAGE__SPACES__PATH_STYLE": "true",
    }  # fmt: skip
