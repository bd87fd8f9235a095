"""The three requests that are measured, as bytes: read one contact, list 50 with two filters from a cursor on, create one."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from benchmarks.contenders import Running
from benchmarks.dataset import TITLES, Dataset
from benchmarks.load import RequestFactory, Unexpected, call, request

NEW = {
    "name": "Ada Newcomer", "email": "ada.newcomer@example.com", "phone": "+44 20 7946 0000", "job_title": "Visitor",
    "description": "Asked for a demonstration.",
}  # fmt: skip
_numbers = itertools.count()


@dataclass(frozen=True)
class Measured:
    """One kind of request."""

    name: str
    make: RequestFactory
    status: int


def list_path(since: datetime, cursor: str | None = None, title: str = TITLES[0]) -> str:
    path = f"/api/v1/contacts?job_title={title}&created_at.gte={quote(since.isoformat(), safe='')}&limit=50"
    return path if cursor is None else f"{path}&cursor={cursor}"


def long_ago() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)


def reads(dataset: Dataset) -> Measured:
    made = [request("GET", f"/api/v1/contacts/{id}", dataset.api_key) for id in dataset.contact_ids]
    return Measured("read one", lambda number: made[number % len(made)], 200)


def lists(dataset: Dataset, server: Running, since: datetime) -> Measured:
    first = fetch(server, "GET", list_path(since), dataset.api_key, expect=200)[1]
    made = request("GET", list_path(since, first["next_cursor"]), dataset.api_key)
    return Measured("list 50", lambda number: made, 200)


def creates(dataset: Dataset) -> Measured:
    def make(number: int) -> bytes:
        return create(dataset, f"bench-{next(_numbers)}")

    return Measured("create one", make, 201)


def create(dataset: Dataset, key: str) -> bytes:
    return request("POST", "/api/v1/contacts", dataset.api_key, json.dumps(NEW).encode(), [f"Idempotency-Key: {key}"])


def fetch(
    server: Running,
    method: str,
    path: str,
    key: str,
    body: bytes = b"",
    headers: list[str] | None = None,
    *,
    expect: int,
) -> tuple[dict[str, str], Any]:
    """One answer's headers (names in lower case) and JSON. Raises `Unexpected` for another status."""
    status, found, raw = call(server.port, request(method, path, key, body, headers or ()))
    if status != expect:
        raise Unexpected(f"{server.contender.name} answered {method} {path[:60]} with {status}: {raw[:500]!r}")
    return found, json.loads(raw) if raw else None
