from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bharat_local_servers import find_nginx, find_postgres, find_valkey
from bharat_local_servers.pytest_fixtures import required
from tests.cluster.browser import Browser
from tests.cluster.shared import SharedSite, shared_cluster
from tests.cluster.sites import Site, cluster_site, logged_in, single_site

SITES = {"single": single_site, "cluster": cluster_site}


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Both sites, each started when it is first asked for."""
    with ExitStack() as stack:

        class Started(dict[str, Site]):
            def __missing__(self, name: str) -> Site:
                if name == "cluster":
                    need_all_programs()
                self[name] = stack.enter_context(SITES[name](tmp_path_factory.mktemp(name)))
                return self[name]

        yield Started()


@pytest.fixture(scope="session")
def everything_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    """A cluster that keeps each kind of state in a store of its own."""
    need_all_programs()
    with shared_cluster(tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(params=["single", "cluster"])
def site(request: pytest.FixtureRequest, sites: dict[str, Site]) -> Site:
    """The same tests run on both."""
    return sites[request.param]


@pytest.fixture
def asha(site: Site) -> Browser:
    """The administrator's browser, logged in at server A."""
    return logged_in(site)


def need_all_programs() -> None:
    """A missing server is a loud skip on a laptop and a failure when CI is set."""
    required(find_nginx)
    required(find_postgres)
    required(find_valkey)
