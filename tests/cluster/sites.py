"""Two ways to run Bharat, told apart by their configuration alone: one node by `bharat dev`, and a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from bharat.accounts.passwords import Passwords
from bharat.accounts.seeding import create_organisation, create_user, find_organisation
from bharat.app import build, engine_options
from bharat.config import Config, load
from bharat.contracts.principal import SYSTEM, Role
from bharat.data import BharatDatabase
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.programs import Node, bharat_environment
from bharat_local_servers import free_port
from tests.cluster.browser import Browser

ORGANISATION = "kaveri-traders"
EMAIL, PASSWORD = "asha@example.com", "correct horse battery"


class Site(Protocol):
    """A running Bharat with one organisation, whose administrator is `EMAIL`."""

    @property
    def config(self) -> Path:
        """Its bharat.toml."""
        ...

    @property
    def home(self) -> Path:
        """A home folder for commands on this machine; on one node, the node's."""
        ...

    @property
    def edge(self) -> str:
        """Where browsers come in."""
        ...

    def server(self, name: str) -> str:
        """The address of the application server `a` or `b`; one node is both."""
        ...

    def lose(self, name: str) -> None:
        """SIGKILL the server."""
        ...

    def replace(self, name: str) -> None:
        """Start it again, with nothing that lay on it: except on one node, whose home folder is the store."""
        ...


@dataclass
class ClusterSite:
    cluster: LocalCluster

    @property
    def config(self) -> Path:
        return self.cluster.config

    @property
    def home(self) -> Path:
        return self.cluster.folder / "commands"

    @property
    def edge(self) -> str:
        return self.cluster.url

    def server(self, name: str) -> str:
        return self.cluster.node(name).url

    def lose(self, name: str) -> None:
        self.cluster.node(name).kill()

    def replace(self, name: str) -> None:
        self.cluster.node(name).restart(wipe=True)


class DevNode(Node):
    """`bharat dev`."""

    def _arguments(self) -> list[str]:
        return ["dev"]


@dataclass
class SingleSite:
    node: DevNode
    config: Path

    @property
    def home(self) -> Path:
        return self.node.home

    @property
    def edge(self) -> str:
        return self.node.url

    def server(self, name: str) -> str:
        return self.node.url

    def lose(self, name: str) -> None:
        self.node.kill()

    def replace(self, name: str) -> None:
        self.node.start()


@dataclass
class SeparateSites:
    """What a cluster must not be."""

    nodes: dict[str, SingleSite]

    @property
    def config(self) -> Path:
        return self.nodes["a"].config

    @property
    def home(self) -> Path:
        return self.nodes["a"].home

    @property
    def edge(self) -> str:
        return self.nodes["a"].edge

    def server(self, name: str) -> str:
        return self.nodes[name].edge

    def lose(self, name: str) -> None:
        self.nodes[name].lose(name)

    def replace(self, name: str) -> None:
        self.nodes[name].node.restart(wipe=True)


@contextmanager
def cluster_site(folder: Path) -> Iterator[Site]:
    """A cluster of two application servers."""
    with LocalCluster(folder, plugins=("crm", "session_redis")) as cluster:
        found = ClusterSite(cluster)
        add_administrator(found)
        yield found


@contextmanager
def single_site(folder: Path) -> Iterator[Site]:
    """One node without any service."""
    with _dev_node(folder) as found:
        add_administrator(found)
        yield found


@contextmanager
def separate_sites(folder: Path) -> Iterator[Site]:
    """Two nodes that share nothing; the administrator is known to both."""
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(_dev_node(folder / name)) for name in ("a", "b")}
        for found in nodes.values():
            add_administrator(found)
        yield SeparateSites(nodes)


@contextmanager
def _dev_node(folder: Path) -> Iterator[SingleSite]:
    folder.mkdir(exist_ok=True)
    config = folder / "bharat.toml"
    port = free_port()
    config.write_text(f'plugins = ["crm"]\n\n[server]\nport = {port}\n')
    with DevNode(config, folder / "node", port=port) as node:
        yield SingleSite(node, config)


def configuration(site: Site) -> Config:
    """As another process of the same installation reads it."""
    return load(site.config, bharat_environment(site.home) | {"HOME": str(site.home)})


def add_administrator(site: Site) -> None:
    """Make the organisation and who logs in, as another process of the same installation does."""
    with build(configuration(site)) as app:
        organisation = create_organisation(app.database, "Kaveri Traders", slug=ORGANISATION, actor=SYSTEM)
        hashed = Passwords(8).hash(PASSWORD)
        with app.database.write(organisation, SYSTEM) as unit:
            create_user(unit, name="Asha", role=Role.ADMIN, email=EMAIL, password_hash=hashed)


@contextmanager
def database_of(site: Site) -> Iterator[tuple[BharatDatabase, UUID]]:
    """The site's database and the administrator's organisation."""
    database = BharatDatabase(engine_options(configuration(site)))
    try:
        organisation = find_organisation(database, ORGANISATION)
        assert organisation is not None
        yield database, organisation
    finally:
        database.close()


def logged_in(site: Site, place: str | None = None) -> Browser:
    """The administrator's browser, logged in at server A or at another place."""
    browser = Browser()
    answer = browser.post(f"{place or site.server('a')}/api/v1/login", {"email": EMAIL, "password": PASSWORD})
    assert answer.status < 300, answer
    return browser
