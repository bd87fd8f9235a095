"""From a declared `Route` to a Falcon responder: authenticate, authorise, decode, run in one unit of work, encode."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import falcon
import msgspec

from bharat.contracts.application import Application
from bharat.contracts.errors import Malformed, Problem, TooLarge, Unauthenticated, UnsupportedMediaType
from bharat.contracts.principal import Principal
from bharat.contracts.route import Cookie, LoginCookie, Needs, Public, Response, Route, Stream
from bharat.web.callers import (
    SAFE_METHODS,
    SESSION_COOKIE,
    Authenticator,
    authenticate,
    cookie_name,
    refuse_foreign_origin,
)
from bharat.web.deadline import in_time
from bharat.web.decode import BodyDecoder, decode_query
from bharat.web.idempotency import Idempotency, Remembered, takes_key
from bharat.web.request import Network, WebRequest, body_of, read_body

JSON = "application/json"
_JSON_TYPES = frozenset({JSON, "application/merge-patch+json"})
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[ \t!-~\x80-\xff]*")
"""What a server sends (RFC 9110, 5.1 and 5.5), and refuses when the answer is on its way already."""
_BODILESS = (204, 304)
_REPLAYED_HEADERS = ("Location", "ETag")


class Permissions(Protocol):
    """What the web needs of `bharat.accounts.permissions`."""

    def require(self, principal: Principal, permission: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The part of the configuration that the web needs."""

    public_url: str
    max_body: int
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


class Dispatcher:
    """What every endpoint shares."""

    def __init__(
        self, app: Application, options: WebOptions, authenticator: Authenticator, permissions: Permissions
    ) -> None:
        self.app = app
        self.options = options
        self.authenticator = authenticator
        self.permissions = permissions
        self.idempotency = Idempotency(app.database)
        self.cookie = cookie_name(SESSION_COOKIE, options.secure)
        self.encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


class Endpoint:
    """One route, prepared once; `respond` is the Falcon responder."""

    def __init__(self, dispatcher: Dispatcher, route: Route) -> None:
        self._shared = dispatcher
        self._route = route
        self._handler = route.handler
        self._public = isinstance(route.access, Public)
        self._recognises = not isinstance(route.access, Public) or route.access.recognises
        self._permission = route.access.permission if isinstance(route.access, Needs) else None
        self._streamed = route.body if isinstance(route.body, Stream) else None
        self._decoder = BodyDecoder(route.body) if route.body is not None and self._streamed is None else None
        self._max_body = route.max_bytes or dispatcher.options.max_body
        takes_query = any(parameter.location == "query" for parameter in route.parameters)
        self._parses_query = route.query is not None or not takes_query
        self._takes_key = takes_key(route)

    def respond(self, req: falcon.Request, resp: falcon.Response, **path: Any) -> None:
        shared = self._shared
        request = WebRequest(shared.app, req, path, shared.options.trusted_proxies)
        if self._recognises:
            request.caller, request.session_token = self._admit(req, request)
        elif req.method not in SAFE_METHODS:
            refuse_foreign_origin(req, shared.options.public_url)
        if self._permission is not None:
            shared.permissions.require(request.principal, self._permission)
        if self._parses_query:
            request.query = decode_query(self._route.query, req.query_string or "")
        raw = b""
        if self._decoder is not None:
            raw = self._read_body(req)
            if raw or self._route.body_required:
                request.body = self._decoder.decode(raw)
        elif self._streamed is not None:
            self._check_stream(req, self._streamed)
            request.max_bytes = self._streamed.max_bytes
        key = req.get_header("Idempotency-Key") if self._takes_key and request.caller is not None else None
        if self._route.before is not None:
            self._route.before(request)
        answer: Response | None = None
        try:
            remembered = None if key is None else shared.idempotency.begin(request, key, raw)
            if remembered is not None:
                request.finish()
                self._replay(resp, remembered)
                return
            # Made ready before the commit: an answer that can't be sent must not follow a change that was made.
            answer = self._encoded(self._handler(request))
            self._refuse_unsendable(answer)
            if key is not None and answer.chunks is None:
                shared.idempotency.keep(request, key, raw, self._kept(answer))
            else:
                request.finish()
        except BaseException as error:
            request.abandon(error)
            if answer is not None:
                _close(answer)
            raise
        self._send(req, resp, answer)

    def _admit(self, req: falcon.Request, request: WebRequest) -> tuple[Principal | None, str | None]:
        shared = self._shared
        try:
            caller, token = authenticate(req, shared.authenticator, shared.cookie, shared.options.public_url)
        except Unauthenticated:
            # A dead cookie must not keep anybody from logging in or out; it may do no more there than no cookie.
            if self._public:
                return None, next(iter(req.get_cookie_values(shared.cookie) or ()), None)
            raise
        if caller is None:
            if not self._public:
                raise Unauthenticated("Log in, or send an API key as a bearer token.")
            return None, None
        return replace(caller, request_id=request.id), token

    def _read_body(self, req: falcon.Request) -> bytes:
        media = (req.content_type or "").partition(";")[0].strip().lower()
        length = req.content_length
        if media not in _JSON_TYPES and not (media == "" and not length and not self._route.body_required):
            raise UnsupportedMediaType(f"Send the body as {JSON}.")
        if length is not None and length > self._max_body:
            raise TooLarge(f"The body is larger than the {self._max_body} bytes this endpoint takes.")
        raw = read_body(body_of(req), self._max_body + 1)
        if len(raw) > self._max_body:
            raise TooLarge(f"The body is larger than the {self._max_body} bytes this endpoint takes.")
        if length is not None and len(raw) < length:
            raise Malformed("The body ended before all of it arrived.")
        return raw

    @staticmethod
    def _check_stream(req: falcon.Request, stream: Stream) -> None:
        media = (req.content_type or "").partition(";")[0].strip().lower()
        if "*/*" not in stream.content_types and media not in stream.content_types:
            raise UnsupportedMediaType(f"Send the body as {' or '.join(stream.content_types)}.")
        if stream.max_bytes is not None and (req.content_length or 0) > stream.max_bytes:
            raise TooLarge(f"The content is larger than the {stream.max_bytes} bytes this endpoint takes.")

    def _kept(self, answer: Response) -> Remembered:
        headers = {name: answer.headers[name] for name in _REPLAYED_HEADERS if name in answer.headers}
        return Remembered(self._status(answer), headers, self._content_type(answer), answer.body or b"")

    @staticmethod
    def _replay(resp: falcon.Response, remembered: Remembered) -> None:
        resp.status = remembered.status
        resp.set_headers({**remembered.headers, "Idempotency-Replayed": "true"})
        if remembered.content_type is not None:
            resp.content_type = remembered.content_type
            resp.data = remembered.body

    def _encoded(self, answer: Any) -> Response:
        """The handler's answer with its body in bytes; `None` for none."""
        response = answer if isinstance(answer, Response) else Response(answer)
        if response.chunks is not None or (response.body is None and self._route.returns is None):
            return response
        if not isinstance(response.body, bytes):
            response.body = self._shared.encoder.encode(response.body)
        return response

    def _refuse_unsendable(self, answer: Response) -> None:
        """Raise for headers and cookies that can't be sent."""
        for name, value in answer.headers.items():
            if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value) or name.lower() == "set-cookie":
                raise ValueError(f"the handler's answer has a header that can't be sent: {name[:80]!r}")
        if answer.content_type is not None and not _HEADER_VALUE.fullmatch(answer.content_type):
            raise ValueError("the handler's answer has a content type that can't be sent")
        for cookie in answer.cookies:
            self._set_cookie(falcon.Response(), cookie)

    def _send(self, req: falcon.Request, resp: falcon.Response, answer: Response) -> None:
        resp.status = self._status(answer)
        for name, value in answer.headers.items():
            resp.set_header(name, value)
        for cookie in answer.cookies:
            self._set_cookie(resp, cookie)
        if answer.chunks is not None:
            bodiless = self._status(answer) in _BODILESS
            if not bodiless:
                resp.content_type = answer.content_type or "application/octet-stream"
            # Falcon drops the stream of an answer without a body, and does not close it.
            if bodiless or req.method == "HEAD":
                _close(answer)
            else:
                resp.stream = answer.chunks
        elif (content_type := self._content_type(answer)) is not None:
            resp.content_type = content_type
            resp.data = answer.body

    def _content_type(self, answer: Response) -> str | None:
        """That of an answer in one piece; `None` for one without a body."""
        if answer.body is None or self._status(answer) in _BODILESS:
            return None
        return answer.content_type or JSON

    def _status(self, response: Response) -> int:
        return response.status or (self._route.status if self._route.returns is not None else 204)

    def _set_cookie(self, resp: falcon.Response, cookie: Cookie | LoginCookie) -> None:
        secure = self._shared.options.secure
        if isinstance(cookie, LoginCookie):
            name, value = self._shared.cookie, cookie.token
        else:
            name, value = cookie_name(cookie.name, secure), cookie.value
            if name == self._shared.cookie:
                raise ValueError(f"the cookie {cookie.name!r} is the login's: choose another name")
        age = None if cookie.max_age is None else int(cookie.max_age.total_seconds())
        if value is None:
            value, age = "", 0
        resp.set_cookie(name, value, max_age=age, path="/", secure=secure, http_only=True, same_site="Lax")


def _close(answer: Response) -> None:
    close = getattr(answer.chunks, "close", None)
    if close is not None:
        close()


def add_routes(falcon_app: falcon.App[Any, Any], dispatcher: Dispatcher, routes: Sequence[Route]) -> None:
    """Mount the routes; those of one path share a Falcon resource. GET answers HEAD too."""
    resources: dict[str, dict[str, Callable[..., None]]] = {}
    for route in routes:
        methods = resources.setdefault(route.path, {})
        methods[f"on_{route.method.lower()}"] = in_time(Endpoint(dispatcher, route).respond)
        if route.method == "GET":
            methods["on_head"] = methods["on_get"]
    for path, methods in resources.items():
        falcon_app.add_route(path, _resource(methods))


def _resource(methods: Mapping[str, Callable[..., None]]) -> object:
    # Falcon finds responders by name on the resource.
    return type("Resource", (), {name: staticmethod(responder) for name, responder in methods.items()})()


__all__ = ["Dispatcher", "Endpoint", "Permissions", "Problem", "WebOptions", "add_routes", "networks"]
