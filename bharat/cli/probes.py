"""What a capability is for, done once through its contract, whatever its provider. Each cleans up after itself."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from bharat.contracts.cache import Cache
from bharat.contracts.check import Finding, Status
from bharat.contracts.jobs import Jobs
from bharat.contracts.limits import Limits
from bharat.contracts.locks import Locks
from bharat.contracts.provider import Capability
from bharat.contracts.sessions import NewSession, Sessions
from bharat.contracts.storage import FileMissing, Storage
from bharat.contracts.vectors import Embeddings, EmbeddingsUnavailable, Scope, Vectors, check_vector, embedding_of

_SHORTLY = timedelta(seconds=30)
_KEEPS = "another node, or another installation, may use the same keys; see what the provider's own findings say"


def _storage(storage: Storage) -> Iterator[Finding]:
    key = f"bharat-doctor/{secrets.token_hex(8)}"
    content = secrets.token_bytes(64 * 1024)
    storage.put(key, [content], sha256=hashlib.sha256(content).hexdigest())
    try:
        whole = b"".join(storage.open(key).chunks)
        part = b"".join(storage.open(key, start=1000, end=2000).chunks)
    finally:
        storage.delete(key)
    if whole != content or part != content[1000:2000]:
        yield Finding(Status.FAILED, "a file was not read back as it was written", _KEEPS, "use")
        return
    try:
        storage.stat(key)
    except FileMissing:
        yield Finding(Status.OK, "a file was written, read, read in part and deleted", about="use")
    else:
        yield Finding(Status.FAILED, "a deleted file is still there", _KEEPS, "use")


def _sessions(sessions: Sessions) -> Iterator[Finding]:
    new = NewSession(organisation_id=uuid4(), user_id=uuid4(), epoch=0, idle=_SHORTLY, absolute=_SHORTLY)
    token, made = sessions.create(new)
    loaded = sessions.load(token)
    sessions.delete(token)
    if loaded is None or loaded.handle != made.handle or sessions.load(token) is not None:
        yield Finding(Status.FAILED, "a session was not found as it was kept, or outlived its end", _KEEPS, "use")
    else:
        yield Finding(Status.OK, "a session was begun, found and ended", about="use")


def _locks(locks: Locks) -> Iterator[Finding]:
    # One name for all: the newest token of a name is remembered for a month.
    lease = locks.acquire("bharat:doctor", ttl=timedelta(seconds=5), wait=timedelta(seconds=6))
    if lease is None:
        detail = "a lock that nobody holds was not acquired"
        yield Finding(Status.FAILED, detail, "see that the lock store and the database answer", "use")
        return
    locks.renew(lease)
    locks.release(lease)
    yield Finding(Status.OK, "a lock was taken, renewed and given back", about="use")


def _limits(limits: Limits) -> Iterator[Finding]:
    key = f"bharat-doctor:{secrets.token_hex(8)}"
    first = limits.hit(key, limit=1, window=_SHORTLY)
    second = limits.hit(key, limit=1, window=_SHORTLY)
    limits.reset(key)
    if not first.allowed or second.allowed:
        yield Finding(Status.FAILED, "a limit of one did not allow one and refuse two", _KEEPS, "use")
    else:
        yield Finding(Status.OK, "a limit allowed what it should and refused the rest", about="use")


def _cache(cache: Cache) -> Iterator[Finding]:
    key = f"bharat-doctor:{secrets.token_hex(8)}"
    cache.set(key, b"probe", ttl=_SHORTLY)
    found = cache.get(key)
    cache.delete(key)
    if found != b"probe":
        detail = "a value that was just kept is not found: everything is computed each time"
        yield Finding(Status.DEGRADED, detail, "see the provider's other findings, and the log", "use")
    else:
        yield Finding(Status.OK, "a value was kept, found and dropped", about="use")


def _jobs(jobs: Jobs) -> Iterator[Finding]:
    waiting = sum(jobs.depth().values())
    yield Finding(Status.OK, f"{waiting} job{'s' * (waiting != 1)} due", about="use")


def _embeddings(embeddings: Embeddings) -> Iterator[Finding]:
    embedding = embedding_of(embeddings)
    try:
        (vector,) = embeddings.embed(["Bharat"], purpose="query")
        check_vector(embedding, vector)
    except (EmbeddingsUnavailable, ValueError) as error:
        yield Finding(Status.DEGRADED, f"search goes by words alone: {error}", "correct [embeddings]", "use")
    else:
        yield Finding(Status.OK, f"a word was embedded by {embedding}", about="use")


def _vectors(vectors: Vectors) -> Iterator[Finding]:
    embedding = vectors.held()
    if embedding is None:
        yield Finding(Status.OK, "there is no index yet: it is made when the first record is changed", about="use")
        return
    towards = [1.0, *(0.0 for _ in range(embedding.dimension - 1))]
    vectors.query(embedding, uuid4(), towards, scopes=[Scope("bharat_doctor")], limit=1)
    yield Finding(Status.OK, f"the index of {embedding} was asked", about="use")


PROBES: Mapping[Capability, Callable[[Any], Iterator[Finding]]] = {
    Capability.STORAGE: _storage,
    Capability.SESSIONS: _sessions,
    Capability.LOCKS: _locks,
    Capability.LIMITS: _limits,
    Capability.CACHE: _cache,
    Capability.JOBS: _jobs,
    Capability.EMBEDDINGS: _embeddings,
    Capability.VECTORS: _vectors,
}
"""Findings about `use`. A mail or a push would reach somebody, and what is `off` is not asked for."""
