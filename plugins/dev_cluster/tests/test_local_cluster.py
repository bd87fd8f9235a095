"""A real cluster, as tests and drills use it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bharat.config import load
from bharat.contracts.errors import BharatError
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.programs import Node
from bharat_local_servers.processes import poll

PLUGINS = ("session_redis",)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, all_programs: None) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cluster"), plugins=PLUGINS) as started:
        yield started


@pytest.fixture
def node(cluster: LocalCluster) -> Iterator[Node]:
    """A server for faults, well again afterwards."""
    node = cluster.node("a")
    yield node
    node.resume()
    node.start()


def health(url: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/health", timeout=10) as answer:
        return json.loads(answer.read())


def test_every_part_runs_and_says_that_it_is_a_cluster(cluster: LocalCluster) -> None:
    assert list(cluster.parts) == ["postgres", "valkey", "node-a", "node-b", "worker", "nginx"]
    assert all(part.running for part in cluster.parts.values())
    for url in (cluster.url, *(node.url for node in cluster.nodes)):
        answer = health(url)
        assert (answer["status"], answer["mode"]) == ("ok", "cluster"), answer["checks"]


def test_no_server_keeps_anything_in_its_home(cluster: LocalCluster) -> None:
    health(cluster.url)
    assert [list(node.home.iterdir()) for node in cluster.nodes] == [[], []]


def test_the_servers_know_the_application_s_role_alone(cluster: LocalCluster) -> None:
    config = load(cluster.config, {})
    assert config.database.migration_url is None
    environment = Path(f"/proc/{cluster.node('a').pid}/environ").read_bytes()
    assert b"postgresql" not in environment
    with psycopg.connect(config.database.url.reveal()) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_tables WHERE tableowner = current_user) "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, 0)


def test_a_server_that_is_killed_is_not_missed_and_comes_back_on_an_empty_home(
    cluster: LocalCluster, node: Node
) -> None:
    url = node.url
    (node.home / "left").write_text("from before")
    node.kill()
    assert not node.running
    assert node.readiness() == "no answer"
    assert [health(cluster.url)["status"] for _ in range(6)] == ["ok"] * 6
    node.restart(wipe=True)
    assert node.ready
    assert (node.url, list(node.home.iterdir())) == (url, [])


def test_a_home_is_not_wiped_under_a_server_that_runs(node: Node) -> None:
    with pytest.raises(BharatError, match="stop or kill it before"):
        node.wipe()


def test_a_stalled_server_does_not_answer_until_it_goes_on(node: Node) -> None:
    node.pause()
    assert node.readiness() == "no answer"
    node.resume()
    assert poll(lambda: node.ready, 10)


def test_an_unknown_server_is_named_with_those_there_are(cluster: LocalCluster) -> None:
    with pytest.raises(BharatError, match="no application server 'c'; it has a, b"):
        cluster.node("c")
    with pytest.raises(BharatError, match="no process 'c'; it has postgres, valkey, node-a, node-b, worker, nginx"):
        cluster.part("c")
    assert cluster.part("a") is cluster.part("node-a") is cluster.node("a")


def test_a_command_runs_against_the_cluster(cluster: LocalCluster) -> None:
    assert "cluster" in cluster.bharat("config")
    with pytest.raises(BharatError, match=r"`bharat nonsense` failed in the cluster: .*nonsense"):
        cluster.bharat("nonsense")


def test_it_does_not_start_twice_in_one_folder(cluster: LocalCluster) -> None:
    with pytest.raises(BharatError, match="already runs"):
        LocalCluster(cluster.folder).start()
    assert all(part.running for part in cluster.parts.values())


def test_started_again_it_has_its_addresses_and_its_data(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.postgres.database_url("bharat"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    before = (cluster.url, cluster.node("a").url)
    cluster.stop()
    assert not any(part.running for part in cluster.parts.values())
    again = LocalCluster(cluster.folder)
    again.start()
    try:
        assert (again.url, again.node("a").url) == before
        assert again.plugins == PLUGINS
        with psycopg.connect(again.postgres.database_url("bharat")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert health(again.url)["status"] == "ok"
    finally:
        again.stop()
        cluster.start()


def test_a_temporary_cluster_leaves_nothing(all_programs: None) -> None:
    with LocalCluster(app_servers=1, plugins=()) as cluster:
        folder = cluster.folder
        assert health(cluster.url)["status"] == "ok"
    assert not folder.exists()
