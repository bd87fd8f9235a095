import http.client
from pathlib import Path

import pytest

from bharat_local_servers import CephBinary, RadosGateway, ServerUnavailable, find_ceph, processes


def status(gateway: RadosGateway, path: str = "/", seconds: float = 5) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_speaks_s3_and_gives_strangers_nothing(gateway: RadosGateway) -> None:
    assert status(gateway) == 200  # the list of nobody's buckets
    assert status(gateway, "/bucket/key") == 404


def test_it_serves_again_on_the_same_port_after_stop_and_after_kill(gateway: RadosGateway) -> None:
    for end in (gateway.stop, gateway.kill):
        end()
        with pytest.raises(ConnectionError):
            status(gateway)
        gateway.start()
        assert status(gateway) == 200


def test_it_does_not_answer_while_paused(gateway: RadosGateway) -> None:
    gateway.pause()
    with pytest.raises(TimeoutError):
        status(gateway, seconds=0.5)
    gateway.resume()
    assert status(gateway) == 200


def test_closed_it_leaves_no_process_and_no_folder(ceph_binary: CephBinary) -> None:
    with RadosGateway(binary=ceph_binary) as server:
        assert server._store is not None
        pids = [server.pid, *(daemon.pid for daemon in server._store)]
        folder = server.folder
    assert [processes.started(pid) for pid in pids] == [None, None, None]
    assert not folder.exists()


def test_a_missing_ceph_says_what_was_looked_for_and_what_brings_it(bare_machine: Path) -> None:
    with pytest.raises(
        ServerUnavailable, match=r"`radosgw`.*PATH.*`apt-get`.*apt-get install radosgw ceph-mon ceph-osd"
    ):
        find_ceph()
