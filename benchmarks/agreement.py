"""Before anything is measured: every contender gives the same answers and leaves the same rows.

Raises `Unexpected` with what differs; ids, instants and signatures that have to differ are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from benchmarks.contenders import Running
from benchmarks.dataset import Dataset
from benchmarks.load import Unexpected
from benchmarks.workload import NEW, fetch, list_path, long_ago
from bharat.data.engine import parse_url

HEADERS = (
    "x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "x-frame-options",
    "content-security-policy", "cache-control", "content-type",
)  # fmt: skip
_OWN = {
    "id", "at", "created_at", "updated_at", "occurred_at", "request_id", "subject_id", "expires_at", "key", "fingerprint",
    "number", "published_at", "written",
}  # fmt: skip


def check(dataset: Dataset, servers: Sequence[Running]) -> None:
    first = servers[0].contender.name
    seen = {server.contender.name: _observe(dataset, server) for server in servers}
    for name, found in seen.items():
        for part, value in seen[first].items():
            if found[part] != value:
                raise Unexpected(f"{part}: {first} and {name} differ\n  {first}: {value}\n  {name}: {found[part]}")


def _observe(dataset: Dataset, server: Running) -> Mapping[str, Any]:
    key = dataset.api_key
    id = dataset.contact_ids[7]
    read_headers, record = fetch(server, "GET", f"/api/v1/contacts/{id}", key, expect=200)
    since = long_ago()
    _, first = fetch(server, "GET", list_path(since), key, expect=200)
    _, second = fetch(server, "GET", list_path(since, first["next_cursor"]), key, expect=200)
    body = json.dumps(NEW).encode()
    name = f"agree-{server.port}"
    posted = ("POST", "/api/v1/contacts", key, body, [f"Idempotency-Key: {name}"])
    headers, created = fetch(server, *posted, expect=201)
    again, replayed = fetch(server, *posted, expect=201)
    fetch(server, "POST", "/api/v1/contacts", key, body.replace(b"Ada", b"Eve"), posted[4], expect=422)
    fetch(server, "GET", f"/api/v1/contacts/{UUID(int=1)}", key, expect=404)
    fetch(server, "GET", f"/api/v1/contacts/{id}", key[:-8] + "AAAAAAAA", expect=401)
    fetch(server, "GET", list_path(since, first["next_cursor"][:-4] + "AAAA"), key, expect=400)
    return {
        "the record": record,
        "its headers": [read_headers.get(header) for header in (*HEADERS, "etag")],
        "the first page": first["items"],
        "the second page": second["items"],
        "the new record": _plain(created),
        "its header": (headers["etag"], headers["location"] == f"/api/v1/contacts/{created['id']}"),
        "the repeated request": (replayed == created, again.get("idempotency-replayed")),
        "the rows written": _rows(dataset, UUID(created["id"]), name),
    }


def _rows(dataset: Dataset, contact: UUID, key: str) -> Any:
    """The rows that a create left, without what has to differ."""
    engine = sa.create_engine(parse_url(dataset.owner_url), poolclass=sa.NullPool)
    id = str(contact) if engine.dialect.name == "postgresql" else contact.hex
    queries = {
        "crm_contacts": ("id", id), "audit_entries": ("subject_id", id), "events": ("subject_id", id),
        "idempotency_keys": ("key", key),
    }  # fmt: skip
    with engine.connect() as connection:
        return {
            name: [
                _plain(dict(row))
                for row in connection.execute(
                    sa.text(f"SELECT * FROM {name} WHERE {column} = :value"), {"value": value}
                )
                .mappings()
                .all()
            ]
            for name, (column, value) in queries.items()
        }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in _OWN}
    for name, value in kept.items():
        if isinstance(value, str) and value[:1] == "{":  # SQLite keeps documents as text
            kept[name] = json.loads(value)
        if name == "body" and value is not None:
            kept[name] = _plain(json.loads(bytes(value)))
        if name == "headers":
            kept[name] = sorted(kept[name])
    return kept
