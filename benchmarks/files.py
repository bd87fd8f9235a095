"""`files`: a large file to the S3 and back through an application server, beside a minimal Falcon application that pipes to boto3.

Both run under the same gunicorn, with the same client, part size and concurrency. Bharat authenticates, asks who may change the
record, keeps the file's SHA-256 and writes its row, audit entry and event. The S3 is Ceph's RADOS gateway on loopback.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import contenders
from benchmarks.contenders import Contender, Running, running
from benchmarks.dataset import Dataset, database_server, prepared
from benchmarks.load import Unexpected, family, read_answer
from benchmarks.report import Goal, say, table
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client

PIPING = Contender("falcon and boto3", ("-m", "benchmarks.rivals.gevent_server", "benchmarks.rivals.piping", "{port}"))
LEAST_SPEED = 0.6
MOST_MEMORY = 32.0
"""MiB by which the peak of the server's resident memory may grow."""
_MEBI = 1024 * 1024
_CONTENT = bytes(range(256)) * 4096

Figures = dict[str, list[tuple[float, float]]]
"""Contender and direction -> seconds and MiB of growth, a round each."""


def run(size: int, rounds: int, folder: Path) -> list[Goal]:
    """`size` is in bytes."""
    figures: Figures = {}
    with ExitStack() as stack:
        gateway = stack.enter_context(RadosGateway())
        options = SpacesOptions(
            bucket="bench", key=gateway.access_key, secret=gateway.secret_key, endpoint=gateway.url, path_style=True
        )
        client = open_client(options)
        client.create_bucket(Bucket=options.bucket)
        database = stack.enter_context(database_server("sqlite"))
        dataset = _with_spaces(prepared(database, 10, folder), options)
        servers = [stack.enter_context(running(each, dataset)) for each in (contenders.BHARAT, PIPING)]
        ways = [Way(server, dataset) for server in servers]
        for way in ways:  # what is loaded once is not the transfer's
            way.up(_MEBI)
            way.down(_MEBI)
        for number in range(rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                for direction, act in (("up", way.up), ("down", way.down)):
                    figures.setdefault(f"{direction}, {way.name}", []).append(_measured(way.pid, act, size))
    return _report(figures, options, size)


def _with_spaces(dataset: Dataset, options: SpacesOptions) -> Dataset:
    more = {
        "BHARAT_PLUGINS": "crm,storage_spaces",
        "BHARAT_STORAGE__PROVIDER": "spaces",
        "BHARAT_STORAGE__SPACES__PATH_STYLE": "true",
        "SPACES_ENDPOINT": str(options.endpoint),
        "SPACES_BUCKET": options.bucket,
        "SPACES_KEY": str(options.key),
        "SPACES_SECRET": str(options.secret),
        "BENCH_SPACES": msgspec.json.encode(options).decode(),
    }
    return replace(dataset, environ={**dataset.environ, **more})


class Way:
    """The same transfers at one of the servers."""

    def __init__(self, server: Running, dataset: Dataset) -> None:
        self.name = server.contender.name
        self.pid = server.pid
        self._port = server.port
        self._authorization = f"Authorization: Bearer {dataset.api_key}\r\n"
        self._files = f"/api/v1/contacts/{dataset.contact_ids[0]}/files" if self.name == "bharat" else ""
        self._file = "/file"

    def up(self, size: int) -> None:
        path = f"{self._files}?name=bench" if self._files else self._file
        with socket.create_connection(("127.0.0.1", self._port), timeout=120) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._authorization}Content-Length: {size}\r\n\r\n"
            connection.sendall(head.encode())
            for _ in range(size // len(_CONTENT)):
                connection.sendall(_CONTENT)
            status, _, body = read_answer(connection)
        if status != 201:
            raise Unexpected(f"{self.name} answered an upload with {status}: {body[:200]!r}")
        if self._files:
            self._file = f"{self._files}/{json.loads(body)['id']}/content"

    def down(self, size: int) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=120) as connection:
            head = f"GET {self._file} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._authorization}Connection: close\r\n\r\n"
            connection.sendall(head.encode())
            received = 0
            while piece := connection.recv(256 * 1024):
                received += len(piece)
        if not size < received < size + 4096:
            raise Unexpected(f"{self.name} answered with {received} bytes, and the file has {size}")


def _measured(pid: int, act: object, size: int) -> tuple[float, float]:
    assert callable(act)
    processes = family(pid)
    for each in processes:
        Path(f"/proc/{each}/clear_refs").write_text("5")  # the peak begins anew: proc(5)
    before = _memory(processes, "VmRSS:")
    began = time.perf_counter()
    act(size)
    seconds = time.perf_counter() - began
    return seconds, _memory(processes, "VmHWM:") - before


def _memory(processes: Sequence[int], what: str) -> float:
    """MiB of all of them."""
    lines = [line for each in processes for line in Path(f"/proc/{each}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def _report(figures: Figures, options: SpacesOptions, size: int) -> list[Goal]:
    say(
        f"\n{size // _MEBI} MiB through a server, parts of {options.part_size // _MEBI} MiB, {options.concurrency} at a time"
    )
    lines = []
    for name, each in sorted(figures.items()):
        seconds, grown = zip(*each, strict=True)
        lines.append((name, f"{median(seconds):.2f}", f"{median(grown):.1f}", f"{max(grown):.1f}"))
    table(("transfer", "seconds", "peak memory grows by, MiB", "at most"), lines)
    goals = []
    for direction in ("up", "down"):
        ours, theirs = figures[f"{direction}, bharat"], figures[f"{direction}, {PIPING.name}"]
        speed = median(rival[0] / own[0] for own, rival in zip(ours, theirs, strict=True))
        say(f"{direction}: {speed:.2f} times as fast as {PIPING.name}")
        goals.append(Goal(f"speed {direction} beside {PIPING.name}", speed, LEAST_SPEED, at_least=True))
        most = max(each[1] for each in ours)
        goals.append(Goal(f"peak memory {direction}, MiB", most, MOST_MEMORY, at_least=False))
    return goals
