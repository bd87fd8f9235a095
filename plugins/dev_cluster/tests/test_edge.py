"""The edge, with a real nginx before two small servers that write down what reaches them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bharat_dev_cluster.edge import nginx_configuration
from bharat_local_servers import Nginx, NginxBinary, free_port


class Upstream:
    """A server that answers with the headers it got; a request for /die is received and the connection then lost."""

    def __init__(self) -> None:
        upstream = self
        self.received: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                upstream.received.append(f"{self.command} {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path == "/die":
                    self.close_connection = True
                    return
                content = json.dumps({**dict(self.headers), "body": str(len(body))}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test's output is for failures."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def upstreams() -> Iterator[list[Upstream]]:
    both = [Upstream(), Upstream()]
    yield both
    for each in both:
        each.close()


@pytest.fixture
def edge(tmp_path: Path, upstreams: list[Upstream], nginx_binary: NginxBinary) -> Iterator[Nginx]:
    port = free_port()
    path = tmp_path / "nginx.conf"
    path.write_text(nginx_configuration(port, [each.address for each in upstreams]))
    with Nginx(path, tmp_path / "nginx", port=port, binary=nginx_binary) as server:
        yield server


def call(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {}


def test_a_caller_s_claims_about_itself_end_here(edge: Nginx) -> None:
    status, seen = call(edge.url, X_Forwarded_For="6.6.6.6", X_Request_ID="mine-mine-mine", Forwarded="for=6.6.6.6")
    assert status == 200
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert len(seen["X-Request-ID"]) == 32
    assert "Forwarded" not in seen
    assert seen["Host"] == f"127.0.0.1:{edge.port}"


def test_every_request_has_an_id_of_its_own_and_the_log_names_it(edge: Nginx) -> None:
    ids = {call(edge.url)[1]["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    edge.stop()  # writes the log out
    log = (edge.folder / "access.log").read_text()
    assert all(each in log for each in ids)


def test_figures_are_not_shown_to_the_world(edge: Nginx, upstreams: list[Upstream]) -> None:
    assert call(f"{edge.url}/metrics")[0] == 404
    assert [each.received for each in upstreams] == [[], []]


def test_a_large_body_passes(edge: Nginx) -> None:
    assert call(f"{edge.url}/files", "PUT", b"x" * 3_000_000)[1]["body"] == "3000000"


def test_requests_reach_every_server(edge: Nginx, upstreams: list[Upstream]) -> None:
    for _ in range(6):
        call(edge.url)
    assert all(each.received for each in upstreams)


def test_without_one_server_nobody_notices(edge: Nginx, upstreams: list[Upstream]) -> None:
    upstreams[0].close()
    for method in ("GET", "POST") * 6:
        assert call(edge.url, method, b"{}" if method == "POST" else None)[0] == 200
    assert len(upstreams[1].received) == 12


def executions(edge: Nginx, upstreams: list[Upstream]) -> int:
    """How many servers carry out one POST whose server is lost before it answers."""
    assert call(f"{edge.url}/die", "POST", b"{}")[0] == 502
    return sum(len(each.received) for each in upstreams)


def test_a_post_that_may_have_been_carried_out_is_not_sent_to_another(edge: Nginx, upstreams: list[Upstream]) -> None:
    """Protected by `proxy_next_upstream error timeout;`, without `non_idempotent`, in `edge.nginx_configuration`."""
    assert executions(edge, upstreams) == 1


def test_with_non_idempotent_it_would_be_carried_out_twice(edge: Nginx, upstreams: list[Upstream]) -> None:
    """The mutant of the test above."""
    line = "proxy_next_upstream error timeout;"
    text = edge.configuration.read_text()
    assert line in text
    edge.configuration.write_text(text.replace(line, "proxy_next_upstream error timeout non_idempotent;"))
    edge.stop()
    edge.start()
    assert executions(edge, upstreams) == 2


def test_a_get_whose_server_is_lost_is_sent_to_another(edge: Nginx, upstreams: list[Upstream]) -> None:
    call(f"{edge.url}/die")
    assert [each.received for each in upstreams] == [["GET /die"], ["GET /die"]]
