"""Requests that are no proper HTTP, sent byte by byte to the server as it runs: each is refused or dropped, and it goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bharat.accounts.keys import add_key
from bharat.accounts.seeding import create_organisation, create_user
from bharat.app import build
from bharat.config import load
from bharat.contracts.principal import SYSTEM, Role
from bharat_local_servers.ports import free_port

DEADLINE = 30
COMPANIES = "/api/v1/companies"


class Server:
    """`bharat serve` on SQLite, and the key of an administrator."""

    def __init__(self, port: int, key: str, log: Path) -> None:
        self.port = port
        self.key = key
        self.log = log

    def send(self, raw: bytes, *, close: bool = False) -> bytes:
        """What is answered until the server closes the connection, or says nothing for two seconds. `close`: stop sending first."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            answer = b""
            try:
                connection.sendall(raw)
                if close:
                    connection.shutdown(socket.SHUT_WR)
                while chunk := connection.recv(65536):
                    answer += chunk
            except OSError:
                pass
            return answer

    def request(self, method: str, path: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.key}",
            "Connection: close",
            *headers,
        ]
        if length and body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def companies(self) -> int:
        answer = self.send(self.request("GET", f"{COMPANIES}/totals"))
        assert status(answer) == 200, answer
        return int(json.loads(answer.rpartition(b"\r\n\r\n")[2])["count"])


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    settings = {
        "BHARAT_PLUGINS": "crm", "BHARAT_HOME": str(folder), "BHARAT_SERVER__PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder / 'bharat.sqlite3'}",
    }  # fmt: skip
    environment = {**os.environ, **settings}
    bharat = Path(sys.executable).with_name("bharat")
    subprocess.run([bharat, "migrate"], env=environment, cwd=folder, check=True, capture_output=True, timeout=120)
    with build(load(None, settings)) as app:
        organisation = create_organisation(app.database, "Acme", actor=SYSTEM)
        with app.database.write(organisation, SYSTEM) as unit:
            user = create_user(unit, name="admin", role=Role.ADMIN)
            _, key = add_key(unit, user, name="test", scopes=["*"])
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([bharat, "serve"], env=environment, cwd=folder, stdout=log, stderr=log) as process,
    ):
        found = Server(port, key, folder / "log")
        try:
            _wait(lambda: status(found.send(found.request("GET", "/readyz"))) == 200, process)
            yield found
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE)
    text = (folder / "log").read_text()
    assert "Traceback" not in text, text[-3000:]


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the server did not become ready in {DEADLINE} s")


BODY = b'{"name": "Acme"}'
START = f"POST {COMPANIES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "


def post(*headers: str, body: bytes = BODY) -> Callable[[Server], bytes]:
    def make(server: Server) -> bytes:
        return (
            START + server.key + "\r\nConnection: close\r\n" + "".join(f"{one}\r\n" for one in headers) + "\r\n"
        ).encode("latin-1") + body

    return make


def get(path: str, *headers: str, method: str = "GET") -> Callable[[Server], bytes]:
    return lambda server: server.request(method, path, *headers)


CHUNKED = "Transfer-Encoding: chunked"

REFUSED: dict[str, Callable[[Server], bytes]] = {
    "no HTTP at all": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "a line of nothing": lambda _: b"\r\n\r\n \r\n\r\n",
    "a method of garbage": get(COMPANIES, method="G\x00T"),
    "a method that is none": get(COMPANIES, method="PROPFIND"),
    "a method in small letters": get(COMPANIES, method="get"),
    "a long method": get(COMPANIES, method="X" * 5000),
    "another version of HTTP": lambda _: b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a path of 20 kB": get("/" + "a" * 20_000),
    "a query of 20 kB": get(f"{COMPANIES}?q=" + "a" * 20_000),
    "a path with a NUL": get(f"{COMPANIES}/\x00"),
    "an escaped NUL": get(f"{COMPANIES}/%00"),
    "raw bytes in the path": get(f"{COMPANIES}/\xff\xfe"),
    "escaped bad UTF-8 in the path": get(f"{COMPANIES}/%ff%fe"),
    "an escaped way up": get("/storage/..%2f..%2f..%2fetc%2fpasswd?expires=99999999999999&signature=x"),
    "a plain way up": get("/storage/../../../etc/passwd?expires=99999999999999&signature=x"),
    "a way up with backslashes": get("/storage/..\\..\\etc\\passwd?expires=99999999999999&signature=x"),
    "two slashes and a way up": get("//../api/v1/companies"),
    "an address as the target": get("http://169.254.169.254/latest/meta-data"),
    "a header of 20 kB": get(COMPANIES, "X-Long: " + "a" * 20_000),
    "a thousand headers": get(COMPANIES, *(f"X-{n}: 1" for n in range(1000))),
    "a header without a colon": get(COMPANIES, "Nonsense"),
    "a header with a NUL": get(COMPANIES, "X-Nul: a\x00b"),
    "a space before a colon": get(COMPANIES, "Host : evil"),
    "a name with a line break": get(COMPANIES, "X\r\n y: 1"),
    "two lengths": post("Content-Length: 16", "Content-Length: 17"),
    "a negative length": post("Content-Length: -1"),
    "a length of other digits": post("Content-Length: +16"),
    "a huge length": post("Content-Length: 99999999999999999999"),
    "a length of 10 MB": post(f"Content-Length: {10 * 2**20}"),
    "a length and chunks": post("Content-Length: 16", CHUNKED, body=b"10\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunks by another name": post("Transfer-Encoding: xchunked"),
    "chunks twice": post("Transfer-Encoding: chunked, chunked", body=b"10\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunks of garbage": post(CHUNKED, body=b"ZZZ\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of negative size": post(CHUNKED, body=b"-10\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of huge size": post(CHUNKED, body=b"ffffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without its end": post(CHUNKED, body=b"10\r\n" + BODY + b"XX0\r\n\r\n"),
    "chunks of 2 MB": post(CHUNKED, body=b"200000\r\n" + b"a" * 2 * 2**20 + b"\r\n0\r\n\r\n"),
    "a key with a line break": post("Idempotency-Key: a\rb", "Content-Length: 16"),
    "a body of 10 MB": post(f"Content-Length: {10 * 2**20}", body=b"x" * 10 * 2**20),
}  # fmt: skip


@pytest.mark.parametrize("make", list(REFUSED.values()), ids=list(REFUSED))
def test_what_is_no_proper_request_is_refused(server: Server, make: Callable[[Server], bytes]) -> None:
    before = server.companies()
    answer = server.send(make(server), close=True)
    # Closing without an answer is one too, where there is nobody to be spoken to in HTTP.
    assert answer == b"" or 400 <= status(answer) < 500 or status(answer) in (501, 505), answer[:500]
    assert b"Traceback" not in answer
    assert server.companies() == before


@pytest.mark.parametrize("missing", [1, 8, 10_000])
def test_a_body_that_breaks_off_stores_nothing(server: Server, missing: int) -> None:
    before = server.companies()
    answer = server.send(post(f"Content-Length: {len(BODY) + missing}")(server), close=True)
    assert status(answer) in (0, 400)
    assert server.companies() == before


def test_a_chunked_body_that_breaks_off_stores_nothing(server: Server) -> None:
    before = server.companies()
    answer = server.send(post(CHUNKED, body=b"20\r\n" + BODY)(server), close=True)
    assert status(answer) in (0, 400)
    assert server.companies() == before


def test_what_follows_a_body_is_no_part_of_it(server: Server) -> None:
    """A second request hidden behind a short length is one of its own, without the first one's credentials."""
    before = server.companies()
    hidden = (
        f"POST {COMPANIES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        + BODY
    )
    first = server.request("GET", f"{COMPANIES}/totals").replace(b"Connection: close\r\n", b"")
    answer = server.send(first + hidden, close=True)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1 401") <= 1
    assert server.companies() == before


def test_a_header_is_not_made_of_what_was_sent(server: Server) -> None:
    for path in (
        "/%0d%0aSet-Cookie:%20x=y",
        "/storage/a%0d%0aSet-Cookie:%20x=y?expires=1&signature=x",
        f"{COMPANIES}?x=%0d%0aSet-Cookie:y",
    ):
        head = server.send(server.request("GET", path)).partition(b"\r\n\r\n")[0]
        assert b"set-cookie" not in head.lower()


def test_a_path_begins_no_line_of_the_log(server: Server) -> None:
    server.send(server.request("GET", "/x%0d%0a12:00:00%20INFO%20forged%1b%5b31m"))
    (line,) = (line for line in server.log.read_text().splitlines() if "forged" in line)
    assert r"GET /x\r\n12:00:00 INFO forged\x1b[31m 404" in line


def test_a_chunked_body_that_is_whole_is_taken(server: Server) -> None:
    """The control: the requests above are refused for what is wrong with them."""
    before = server.companies()
    half = b"8\r\n" + BODY[:8] + b"\r\n" + b"8\r\n" + BODY[8:] + b"\r\n0\r\n\r\n"
    assert status(server.send(post(CHUNKED, body=half)(server))) == 201
    assert status(server.send(post(f"Content-Length: {len(BODY)}")(server))) == 201
    assert server.companies() == before + 2
