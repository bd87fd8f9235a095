"""Serve the storage routes over real HTTP on loopback, without the web room: Falcon, one thread, the handlers as declared."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import falcon
import msgspec

from bharat.contracts.errors import Problem
from bharat.contracts.platform import Platform
from bharat.contracts.route import Route
from bharat.contracts.storage import Storage
from bharat.local.storage_routes import ROUTES


class Call:
    """What a handler of these routes asks of its request."""

    def __init__(self, app: Any, route: Route, request: falcon.Request, path: Mapping[str, Any]) -> None:
        self.app = app
        self.path = path
        assert route.query is not None
        self.query = msgspec.convert(dict(request.params), route.query, strict=False)
        self.header = request.get_header
        self._request = request

    def stream(self) -> Iterator[bytes]:
        while chunk := self._request.bounded_stream.read(65536):
            yield chunk


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Resource:
    def __init__(self, app: Any) -> None:
        self._app = app

    def on_get(self, request: falcon.Request, response: falcon.Response, **path: Any) -> None:
        self._answer(ROUTES[0], request, response, path)

    def on_put(self, request: falcon.Request, response: falcon.Response, **path: Any) -> None:
        self._answer(ROUTES[1], request, response, path)

    def _answer(self, route: Route, request: falcon.Request, response: falcon.Response, path: dict[str, Any]) -> None:
        try:
            call: Any = Call(self._app, route, request, path)
            answer = route.handler(call)
        except Problem as problem:
            response.status = problem.status
            response.text = problem.detail
            response.set_headers(problem.headers)
            return
        if answer is None:
            response.status = 204
            return
        response.status = answer.status or 200
        response.content_type = answer.content_type or "text/plain"
        response.set_headers(answer.headers)
        response.stream = answer.chunks


@contextmanager
def served(platform: Platform, storage: Storage) -> Iterator[str]:
    """The address under which the storage routes answer while the block runs."""
    app = SimpleNamespace(storage=storage, key=platform.key, clock=platform.clock, public_url=platform.public_url)
    falcon_app = falcon.App()
    falcon_app.req_options.auto_parse_qs_csv = False
    falcon_app.req_options.keep_blank_qs_values = True
    falcon_app.add_route(ROUTES[0].path, _Resource(app))
    with make_server("127.0.0.1", 0, falcon_app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
