import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bharat_local_servers import (
    TEMP_PATHS,
    Nginx,
    NginxBinary,
    ServerFailed,
    ServerUnavailable,
    find_nginx,
    free_port,
)
from bharat_local_servers.processes import poll


def render(path: Path, port: int, answer: str) -> Path:
    path.write_text(
        f"events {{}}\nhttp {{\naccess_log off;\n{TEMP_PATHS}"
        f"server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 {answer}; }} }}\n}}\n"
    )
    return path


def get(url: str, seconds: float = 5) -> str:
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return str(answer.read().decode())


@pytest.fixture
def nginx(tmp_path: Path, nginx_binary: NginxBinary) -> Iterator[Nginx]:
    port = free_port()
    with Nginx(render(tmp_path / "nginx.conf", port, "one"), port=port, binary=nginx_binary) as server:
        yield server


def test_it_serves_its_configuration_and_leaves_nothing(nginx: Nginx) -> None:
    assert get(nginx.url) == "one"
    folder = nginx.folder
    nginx.close()
    assert not folder.exists()
    with pytest.raises(urllib.error.URLError):
        get(nginx.url)


def test_it_serves_again_on_the_same_port_after_stop_and_after_kill(nginx: Nginx) -> None:
    for end in (nginx.stop, nginx.kill):
        end()
        with pytest.raises(urllib.error.URLError):
            get(nginx.url)
        nginx.start()
        assert get(nginx.url) == "one"


def test_it_does_not_answer_while_paused(nginx: Nginx) -> None:
    nginx.pause()
    with pytest.raises((TimeoutError, urllib.error.URLError)):
        get(nginx.url, seconds=0.5)
    nginx.resume()
    assert get(nginx.url) == "one"


def test_a_reload_takes_the_new_configuration_over(nginx: Nginx) -> None:
    pid = nginx.pid
    render(nginx.configuration, nginx.port, "two")
    nginx.reload()
    # A worker of before may still take a connection until it sees its order to leave.
    assert poll(lambda: get(nginx.url) == "two", 5)
    assert nginx.pid == pid


def test_a_reload_of_a_broken_configuration_is_refused_and_the_old_one_serves_on(nginx: Nginx) -> None:
    nginx.configuration.write_text("events {}\nhttp { nonsense on; }\n")
    with pytest.raises(ServerFailed, match=r'unknown directive "nonsense"'):
        nginx.reload()
    assert get(nginx.url) == "one"


def test_a_configuration_that_goes_to_the_background_is_refused(nginx: Nginx) -> None:
    nginx.configuration.write_text("daemon on;\n" + nginx.configuration.read_text())
    with pytest.raises(ServerFailed, match="remove it"):
        nginx.check()


def test_a_configuration_with_its_own_pid_and_log_is_accepted(tmp_path: Path, nginx_binary: NginxBinary) -> None:
    port = free_port()
    path = render(tmp_path / "nginx.conf", port, "own")
    path.write_text(f"pid {tmp_path}/own.pid;\nerror_log {tmp_path}/own.log info;\n" + path.read_text())
    with Nginx(path, tmp_path / "nginx", port=port, binary=nginx_binary) as server:
        assert get(server.url) == "own"
        assert (tmp_path / "own.pid").read_text().strip() == str(server.pid)


def test_a_taken_port_is_a_failure_not_a_stranger(nginx: Nginx, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="Address already in use"):
        Nginx(nginx.configuration, tmp_path / "second", port=nginx.port, binary=nginx.binary).start()


def test_a_program_named_in_the_environment_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BHARAT_TEST_NGINX", "/nonexistent/nginx")
    with pytest.raises(ServerUnavailable, match="BHARAT_TEST_NGINX names /nonexistent/nginx"):
        find_nginx()


def test_a_missing_nginx_says_what_was_looked_for_and_what_brings_it(bare_machine: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"PATH.*/usr/sbin.*`apt-get`.*apt-get install nginx"):
        find_nginx()
