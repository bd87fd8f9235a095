"""The driver: keep-alive connections that send prepared requests, and what the server's processes cost meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

RequestFactory = Callable[[int], bytes]


@dataclass(frozen=True)
class Cost:
    """`cpu` is the server's user and system time in seconds, `wall` the time that passed."""

    requests: int
    cpu: float
    wall: float

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu if self.cpu else 0.0


class Unexpected(Exception):
    """The server answered something else than what is measured."""


def request(method: str, path: str, key: str, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, pid: int, make: RequestFactory, count: int, *, status: int, connections: int = 4) -> Cost:
    """Send `count` requests over some connections at once; raises `Unexpected` for any answer but `status`."""
    numbers = iter(range(count))
    lock = threading.Lock()
    failures: list[str] = []

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not failures:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                connection.sendall(make(number))
                found, _, body = read_answer(connection)
                if found != status:
                    failures.append(f"{found}: {body[:300]!r}")

    started, before = time.perf_counter(), cpu_of(pid)
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cost = Cost(count, cpu_of(pid) - before, time.perf_counter() - started)
    if failures:
        raise Unexpected(failures[0])
    return cost


def call(port: int, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers (names in lower case) and body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        status, head, body = read_answer(connection)
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return status, {name.lower(): value.strip() for name, _, value in pairs}, body


def read_answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    """One answer with a Content-Length: its status, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    while len(body) < length:
        body += _more(connection)
    return status, head, body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise Unexpected("the server closed the connection")
    return piece


def cpu_of(pid: int) -> float:
    """Seconds that a process and all its descendants that live have run, in user and system mode, to the microsecond.

    The clock ticks of /proc/PID/stat are 10 ms, a tenth of what a short round takes."""
    total = 0
    for each in family(pid):
        try:
            for thread in Path(f"/proc/{each}/task").iterdir():
                total += int((thread / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total / 1e9


def memory_of(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MiB."""
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def family(pid: int) -> list[int]:
    found = [pid]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return found
    for child in children:
        found += family(int(child))
    return found
