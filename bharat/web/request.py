"""One call as handlers see it: the contract `Request` over a Falcon request."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import falcon
import sqlalchemy as sa

from bharat.config.addresses import parsed
from bharat.contracts.application import Application
from bharat.contracts.database import Parameters, Reader, Unit
from bharat.contracts.errors import Malformed, TooLarge, Unauthenticated
from bharat.contracts.principal import Actor, ActorKind, Principal
from bharat.contracts.storage import CHUNK_SIZE

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class WebRequest:
    """See `bharat.contracts.route.Request`. Lives for one call; the unit of work is opened on first use."""

    __slots__ = (
        "_ended", "_opened", "_reader", "_req", "_unit", "app", "body", "caller", "id", "max_bytes", "path", "query", "session_token",
        "trusted",
    )  # fmt: skip

    def __init__(
        self, app: Application, req: falcon.Request, path: Mapping[str, Any], trusted: Sequence[Network]
    ) -> None:
        self.app = app
        self.id: str = req.context.request_id
        self.path = path
        self.caller: Principal | None = None
        self.body: Any = None
        self.query: Any = None
        self.session_token: str | None = None
        self.max_bytes: int | None = None
        self.trusted = trusted
        self._req = req
        self._ended = False
        self._reader: Reader | None = None
        self._unit: Unit | None = None
        self._opened: AbstractContextManager[Unit] | None = None

    @property
    def principal(self) -> Principal:
        if self.caller is None:
            raise Unauthenticated("Log in, or send an API key as a bearer token.")
        return self.caller

    @property
    def raw_query(self) -> str:
        return self._req.query_string or ""

    @property
    def method(self) -> str:
        return self._req.method

    @property
    def target(self) -> str:
        """Path and query as sent: what an idempotency key is bound to."""
        return f"{self._req.path}?{self.raw_query}"

    @property
    def address(self) -> str:
        return client_address(self._req, self.trusted)

    @property
    def reader(self) -> Reader:
        if self._reader is None:
            outside = self.app.database.read(self.caller.organisation_id if self.caller else None)
            self._reader = RequestReader(self, outside)
        return self._reader

    @property
    def unit(self) -> Unit:
        if self._unit is None:
            if self._ended:
                raise RuntimeError("the request's unit of work has ended: a streamed body can't write")
            caller = self.caller
            actor = caller.actor if caller else Actor(ActorKind.SYSTEM, None, self.id)
            self._opened = self.app.database.write(caller.organisation_id if caller else None, actor)
            self._unit = self._opened.__enter__()
        return self._unit

    @property
    def open_unit(self) -> Unit | None:
        """The unit of work, where it has been begun and not ended."""
        return self._unit

    def finish(self) -> None:
        """Commit what the handler did, if it did anything."""
        self._ended = True
        opened, self._opened, self._unit = self._opened, None, None
        if opened is not None:
            opened.__exit__(None, None, None)

    def abandon(self, error: BaseException) -> None:
        """Roll back."""
        self._ended = True
        opened, self._opened, self._unit = self._opened, None, None
        if opened is not None:
            opened.__exit__(type(error), error, error.__traceback__)

    def header(self, name: str) -> str | None:
        return self._req.get_header(name)

    def stream(self) -> Iterator[bytes]:
        received = 0
        source = body_of(self._req)
        while True:
            chunk = read_body(source, CHUNK_SIZE)
            if not chunk:
                break
            received += len(chunk)
            if self.max_bytes is not None and received > self.max_bytes:
                raise TooLarge(f"The content is larger than the {self.max_bytes} bytes this endpoint takes.")
            yield chunk
        announced = self._req.content_length
        if announced is not None and received < announced:
            raise Malformed("The body ended before all of it arrived.")


class RequestReader:
    """Reads in the request's unit of work while it is open: what the request has written is seen, and it takes one connection, not
    two, of which the second may be one that only other requests like it could give back."""

    __slots__ = ("_outside", "_request")

    def __init__(self, request: WebRequest, outside: Reader) -> None:
        self._request = request
        self._outside = outside

    @property
    def organisation_id(self) -> UUID | None:
        return self._outside.organisation_id

    @property
    def within(self) -> Reader:
        return self._request.open_unit or self._outside

    def rows(self, statement: sa.Executable, parameters: Parameters | None = None) -> Sequence[sa.Row[Any]]:
        return self.within.rows(statement, parameters)

    def row(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.Row[Any] | None:
        return self.within.row(statement, parameters)

    def scalar(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        return self.within.scalar(statement, parameters)


def body_of(req: falcon.Request) -> Any:
    """The body's stream. One sent in chunks has no announced length, and the server ends it."""
    if req.content_length is None and req.get_header("Transfer-Encoding"):
        return req.stream
    return req.bounded_stream


def read_body(source: Any, size: int) -> bytes:
    """At most `size` bytes of a body. Raises `Malformed` when the connection was lost or the chunks of a chunked body are none:
    each server has exceptions of its own for that."""
    try:
        return bytes(source.read(size))
    except Exception as error:
        raise Malformed("The body ended before all of it arrived, or is not sent as it says.") from error


def client_address(req: falcon.Request, trusted: Sequence[Network]) -> str:
    """The peer's address; behind trusted proxies, the last address in X-Forwarded-For that is not one of them. What is no address
    there names nobody: the proxy that sent it counts as the caller."""
    address = _plain(req.remote_addr or "")
    if not trusted or not _within(address, trusted):
        return address
    forwarded = req.get_header("X-Forwarded-For") or ""
    for candidate in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if parsed(candidate) is None:
            break
        address = _plain(candidate)
        if not _within(candidate, trusted):
            break
    return address


def is_trusted(req: falcon.Request, trusted: Sequence[Network]) -> bool:
    return bool(trusted) and _within(req.remote_addr or "", trusted)


def _plain(text: str) -> str:
    address = parsed(text)
    return text if address is None else str(address)


def _within(text: str, networks: Sequence[Network]) -> bool:
    if text == "":  # a Unix socket has no address; only a proxy on this machine can reach it
        return True
    address = parsed(text)
    return address is not None and any(address in network for network in networks)
