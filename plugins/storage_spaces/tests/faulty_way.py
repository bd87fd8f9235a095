"""A real HTTP proxy between the storage and its S3, which fails as it is told to."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
NO_SUCH_UPLOAD = b"<?xml version='1.0'?><Error><Code>NoSuchUpload</Code></Error>"


@dataclass
class Asked:
    """A request that came by."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Faults:
    """What the proxy does to requests from now on.

    `instead(asked)` may answer with status and body in place of the S3; `change(body)` changes what is sent on; `lose(asked)`: the
    request is carried out, and the connection closed without an answer; `cut` is after how many bytes of a body the connection
    breaks, each time once; `delay` in seconds comes before each answer."""

    instead: Callable[[Asked], tuple[int, bytes] | None] = lambda asked: None
    change: Callable[[bytes], bytes] = lambda body: body
    lose: Callable[[Asked], bool] = lambda asked: False
    cut: list[int] = field(default_factory=list)
    delay: float = 0.0


class FaultyWay:
    def __init__(self, upstream: str) -> None:
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.upstream = urlsplit(upstream).netloc
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"way": self}))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def busy_for(self, seconds: float) -> None:
        """Answer 503 SlowDown to everything from now on until then."""
        until = time.monotonic() + seconds
        self.faults.instead = lambda asked: (503, SLOW_DOWN) if time.monotonic() < until else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way: ClassVar[FaultyWay]

    def _carry(self) -> None:
        way, faults = self.way, self.way.faults
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        way.asked.append(asked)
        time.sleep(faults.delay)
        if (told := faults.instead(asked)) is not None:
            self._answer(told[0], {}, told[1])
            return
        sent_on = {name: value for name, value in asked.headers.items() if name.lower() != "expect"}
        connection = http.client.HTTPConnection(way.upstream, timeout=20)
        try:
            connection.request(self.command, self.path, faults.change(body), sent_on)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self.close_connection = True
            return
        finally:
            connection.close()
        if faults.lose(asked):
            self._break()
            return
        self._answer(answer.status, dict(answer.getheaders()), content, head=self.command == "HEAD")

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes, *, head: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if head else str(len(content))
        if status not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()
        if head:
            return
        cut = self.way.faults.cut
        if cut and len(content) > cut[0]:
            self.wfile.write(content[: cut.pop(0)])
            self.wfile.flush()
            self._break()
            return
        self.wfile.write(content)

    def _break(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _carry  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def faulty_way(upstream: str) -> Iterator[FaultyWay]:
    way = FaultyWay(upstream)
    thread = threading.Thread(target=way.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way.server.shutdown()
        way.server.server_close()
        thread.join(10)
