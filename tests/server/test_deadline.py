"""`server.request_timeout`: whoever waits in vain is told, and the server goes on."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bharat.data.engine import EngineOptions
from bharat.server.deadline import LONG_STEP, STEP, Deadline
from bharat_local_servers import free_port
from tests.server.process import Running, clean_environment

SECONDS = 1.0
PLUGIN = """
import time
import sqlalchemy as sa
from bharat import hookimpl
from bharat.contracts.route import Public, Response, Route, Stream
from bharat.data import new_id
from bharat.data.organisations import organisations

def store(request):
    "Public: for a test. Writes a row and then takes four seconds, in the database where it can."
    unit = request.unit
    unit.execute(organisations.insert(), {"id": new_id(), "slug": "slow", "name": "Slow", "created_at": unit.at})
    if request.app.database.dialect == "postgresql":
        try:
            unit.scalar(sa.select(sa.func.pg_sleep(4)))
        except Exception:  # what a handler catches for itself is not the end of its time
            pass
    else:
        time.sleep(4)
    return {"stored": 1}

def count(request):
    "Public: for a test."
    return {"stored": request.app.database.read(None).scalar(sa.select(sa.func.count()).select_from(organisations))}

def take(request):
    "Public: for a test."
    return {"stored": sum(map(len, request.stream()))}

def give(request):
    "Public: for a test."
    def pieces():
        for _ in range(4):
            time.sleep(0.5)
            yield b"piece"
    return Response(chunks=pieces())

@hookimpl
def bharat_routes():
    more = {"access": Public(), "tag": "test", "returns": dict[str, int]}
    return [
        Route(method="POST", path="/api/v1/store", operation_id="store", summary="S", handler=store, status=200, **more),
        Route(method="GET", path="/api/v1/count", operation_id="count", summary="C", handler=count, **more),
        Route(method="PUT", path="/api/v1/take", operation_id="take", summary="T", handler=take,
              body=Stream(("application/octet-stream",)), **more),
        Route(method="GET", path="/api/v1/give", operation_id="give", summary="G", handler=give,
              **{**more, "returns": Stream(("application/octet-stream",))}),
    ]
"""

Serve = Callable[[float], Running]


@pytest.fixture
def serve(tmp_path: Path, database_options: EngineOptions) -> Iterator[Serve]:
    """A server with one database connection, which gives requests so many seconds."""
    site = tmp_path / "site"
    info = site / "bharat_slow-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bharat-slow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bharat.plugins]\nslow = bharat_slow\n")
    (site / "bharat_slow.py").write_text(PLUGIN)
    with ExitStack() as stack:

        def start(seconds: float) -> Running:
            port = free_port()
            environ = clean_environment(
                PYTHONPATH=str(site),
                BHARAT_HOME=str(tmp_path / "home"),
                BHARAT_PLUGINS="slow",
                BHARAT_WORKER__IN_PROCESS="false",
                BHARAT_SERVER__PORT=str(port),
                BHARAT_SERVER__REQUEST_TIMEOUT=str(seconds),
                BHARAT_DATABASE__POOL_SIZE="1",
                DATABASE_URL=database_options.url,
            )
            server = Running(
                [sys.executable, "-m", "bharat.server"],
                url=f"http://127.0.0.1:{port}",
                cwd=tmp_path,
                environ=environ,
                output=tmp_path / "log",
            )
            stack.callback(server.end)
            server.until(lambda: server.process.poll() is not None or server.answers("/livez"), "it answers")
            return server

        yield start


def called(server: Running, method: str, path: str, body: Any = None) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    try:
        headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


def test_a_request_past_its_time_is_answered_and_nothing_of_it_is_kept(serve: Serve) -> None:
    """The protected line: `gevent.Timeout.start_new(self._seconds, DeadlinePassed())` in `_Timer.begin`."""
    server = serve(SECONDS)
    status, media, body = called(server, "POST", "/api/v1/store")
    assert (status, media) == (503, "application/problem+json")
    problem = json.loads(body)
    assert problem["type"].endswith("#unavailable")
    assert problem["request_id"]
    # The one connection of the pool was waiting for the database: it is not handed on.
    assert server.get("/api/v1/count") == (200, {"stored": 0})


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_with_more_time_the_same_request_is_carried_out(serve: Serve) -> None:
    """The mutant of the test above: a deadline that comes too late to protect anything."""
    server = serve(3600)
    assert called(server, "POST", "/api/v1/store")[0] == 200
    assert server.get("/api/v1/count") == (200, {"stored": 1})


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_upload_that_moves_on_and_a_download_may_take_longer(serve: Serve) -> None:
    server = serve(SECONDS)

    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            time.sleep(SECONDS / 2)  # the sender's pace is what is tested
            yield b"x" * 70_000

    status, _, body = called(server, "PUT", "/api/v1/take", pieces())
    assert (status, json.loads(body)) == (200, {"stored": 350_000})
    assert called(server, "GET", "/api/v1/give")[::2] == (200, b"piece" * 4)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_upload_that_stops_is_given_up(serve: Serve) -> None:
    server = serve(SECONDS)

    def pieces() -> Iterator[bytes]:
        yield b"x" * 70_000
        server.until(lambda: " 503 " in server.said, "the server has given it up")

    assert called(server, "PUT", "/api/v1/take", pieces())[0] == 503


@pytest.mark.parametrize(("pause", "longest"), [(0.0, LONG_STEP), (0.2, STEP)], ids=["quick", "slow"])
def test_of_a_slow_client_few_bytes_are_awaited_at_once_and_many_of_a_quick_one(pause: float, longest: int) -> None:
    asked: list[int] = []

    class Source:
        def read(self, size: int) -> bytes:
            asked.append(size)
            time.sleep(pause)  # the sender's pace is what is tested
            return bytes(size)

    length = 16 * LONG_STEP if not pause else 6 * STEP

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        return [environ["wsgi.input"].read(length)]

    (body,) = Deadline(application, SECONDS / 2)({"wsgi.input": Source()}, lambda *_: None)
    assert len(body) == sum(asked) == length
    assert (asked[0], max(asked)) == (STEP, longest)
