"""What a plugin declares of the web: routes, and what their handlers receive and return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

import msgspec

from bharat.contracts.application import Application
from bharat.contracts.database import Reader, Unit
from bharat.contracts.principal import Principal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Public:
    """Anyone may call; the handler must hold a reason in its docstring.

    `recognises`: the handler wants to know who calls, if anybody. Else no credentials are looked at, so that the route
    answers while the stores of sessions and keys are away."""

    recognises: bool = False


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Any principal may call, for what concerns only itself.

    `by_login`: the handler refuses API keys; said here for the API document."""

    by_login: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """A principal that holds `permission`, `<resource>:<verb>` such as `deals:read`. `bharat.accounts.permissions` decides."""

    permission: str


Access = Public | Authenticated | Needs


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is not JSON. As a route's `body`: the handler reads `request.stream()`. As `returns`: it answers bytes."""

    content_types: tuple[str, ...]
    max_bytes: int | None = None


@dataclass(slots=True)
class Response:
    """An answer that needs more than a body. `body` is a msgspec-encodable value, bytes (sent as they are), or `None`.

    `chunks` is closed, where it has a `close`, whether or not it was sent to its end."""

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None
    chunks: Iterator[bytes] | None = None
    cookies: list[Cookie | LoginCookie] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set; the web room adds Secure, HttpOnly, SameSite and, over https, the prefix `__Host-` to the name. `value=None`
    deletes it. It can't take the login's place."""

    name: str
    value: str | None
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LoginCookie:
    """The cookie that carries the session's token, for the routes that begin and end sessions."""

    token: str | None
    max_age: timedelta | None = None


class Request(Protocol):
    """One call, decoded and authorised before the handler sees it."""

    @property
    def app(self) -> Application: ...
    @property
    def id(self) -> str:
        """The request id: from nginx (`X-Request-ID`), else new."""
        ...

    @property
    def principal(self) -> Principal:
        """Raises `Unauthenticated` on a public route called by nobody."""
        ...

    @property
    def caller(self) -> Principal | None:
        """The principal, or `None` on a public route called by nobody."""
        ...

    @property
    def path(self) -> Mapping[str, Any]:
        """Path parameters; `{id:uuid}` is a `UUID`."""
        ...

    @property
    def body(self) -> Any:
        """The body as the route's `body` type."""
        ...

    @property
    def query(self) -> Any:
        """The query string as the route's `query` type."""
        ...

    @property
    def raw_query(self) -> str:
        """The undecoded query string, for the few routes that have a grammar of their own."""
        ...

    @property
    def session_token(self) -> str | None:
        """The caller's session token, for routes about the session itself."""
        ...

    @property
    def address(self) -> str:
        """The client's address, as nginx reports it when `server.trusted_proxies` names the peer."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads for the principal's organisation; while the unit of work is open, in it, so that its own writes are seen."""
        ...

    @property
    def unit(self) -> Unit:
        """The request's unit of work: begun on first use, committed when the handler returns, rolled back when it raises.

        An idempotency key is stored in this same transaction, so that the effect and the remembered answer are one commit."""
        ...

    def header(self, name: str) -> str | None: ...

    def stream(self) -> Iterator[bytes]:
        """The raw body in chunks, at most the route's `Stream.max_bytes` (else `TooLarge`)."""
        ...


Handler = Callable[[Request], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query or header parameter for the OpenAPI document of a route with a grammar of its own (`raw_query`)."""

    name: str
    location: Literal["query", "header"] = "query"
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False
    comma_separated: bool = False
    """Of an array: one parameter with commas, instead of one for each item."""
    filters: str = ""
    """The field that a list is filtered by; the reference shows all filters of a field in one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint. `path` is a Falcon URI template (`/api/v1/deals/{id:uuid}`).

    `body` and `query` are msgspec Structs with `forbid_unknown_fields=True` (or `Stream` for a body); `returns` the type
    the handler returns (`None`: 204), used for the OpenAPI document. `replays=False` exempts a POST from
    `Idempotency-Key` because its answer carries a secret that must not be stored; the reason stands in `summary`'s docs. One
    whose body or answer is a `Stream` takes none either. Chunks are for routes that return a `Stream`: those of another can't be
    remembered with a key."""

    method: Method
    path: str
    handler: Handler
    access: Access
    summary: str
    tag: str
    operation_id: str
    body: Any = None
    query: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    returns: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()
    replays: bool = True
    before: Handler | None = None
    """Called after authorisation and before the unit of work can be open, for what must not happen inside one: counting
    against a limit, taking a lease, changing a session. With an `Idempotency-Key` the unit is open before `handler` runs."""
    max_bytes: int | None = None
    """Largest JSON body in bytes; `None`: `server.max_body`."""
    body_required: bool = True
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Example values for path parameters, by name, used by documentation and tests."""
