"""Errors on the wire: RFC 9457 problem+json for every answer that is not a success, whoever raised it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import falcon
import msgspec

from bharat.contracts import html
from bharat.contracts.errors import MAX_FAULTS, Malformed, NotFound, Problem, TooLarge, Unavailable
from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.sessions import SessionsUnavailable
from bharat.contracts.storage import StorageUnavailable
from bharat.web.astray import error_page, may_be_page, wants_page

log = logging.getLogger("bharat.web")

CONTENT_TYPE = "application/problem+json"
METHOD_NOT_ALLOWED = ("method-not-allowed", "That can't be done to this resource")
"""Type and title of what only the router raises."""
INTERNAL_ERROR = ("internal-error", "Something went wrong on our side")
_ROUTING = {
    404: (NotFound.type, NotFound.title),
    405: METHOD_NOT_ALLOWED,
    413: (TooLarge.type, TooLarge.title),
}
LONGEST = 1000
"""Characters of one text in a problem."""


class FaultBody(msgspec.Struct, frozen=True):
    """One refused field: a JSON Pointer into the body, or `?name` for a query parameter."""

    path: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. `type` is stable and resolves to its description in the API documentation."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FaultBody] = []


def render(req: falcon.Request, resp: falcon.Response, problem: Problem) -> None:
    body = ProblemBody(
        type=f"/docs/problems#{problem.type}",
        title=problem.title,
        status=problem.status.value,
        detail=_short(problem.detail),
        request_id=request_id_of(req),
        errors=[FaultBody(_short(fault.path), _short(fault.detail)) for fault in problem.faults[:MAX_FAULTS]],
    )
    _write(req, resp, body, problem.headers)


def _short(text: str) -> str:
    """An answer is not made long by repeating what was sent."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _write(req: falcon.Request, resp: falcon.Response, body: ProblemBody, headers: dict[str, str]) -> None:
    resp.status = body.status
    resp.stream = None
    if wants_page(req):
        told = f"No page has the address {_short(req.path)}." if body.status == 404 else body.detail
        resp.content_type = html.CONTENT_TYPE
        resp.data = error_page(body.title, body.status, told, body.type, body.request_id)
        resp.set_header("Content-Security-Policy", html.POLICY)
    else:
        resp.content_type = CONTENT_TYPE
        resp.data = msgspec.json.encode(body)
    if may_be_page(req):
        resp.append_header("Vary", "Accept")
    for name, value in headers.items():
        resp.set_header(name, value)


def install(app: falcon.App[Any, Any]) -> None:
    """Render every error of `app` as a problem, Falcon's own included; an unforeseen one is logged and says nothing of itself."""
    app.add_error_handler(Exception, _unforeseen)
    app.add_error_handler(falcon.HTTPError, _falcon)
    app.add_error_handler(Problem, _problem)
    for kind in (SessionsUnavailable, StorageUnavailable, LimitsUnavailable):
        app.add_error_handler(kind, _backend)
    app.set_error_serializer(lambda req, resp, error: None)


def _problem(req: Any, resp: falcon.Response, error: Exception, params: Any) -> None:
    assert isinstance(error, Problem)
    render(req, resp, error)


def _backend(req: Any, resp: falcon.Response, error: Exception, params: Any) -> None:
    log.warning("a backend does not answer: %s", error, extra={"request_id": request_id_of(req)})
    render(req, resp, Unavailable("A part of the service does not answer; try again shortly."))


def _falcon(req: Any, resp: falcon.Response, error: Exception, params: Any) -> None:
    assert isinstance(error, falcon.HTTPError)
    status = HTTPStatus(falcon.http_status_to_code(error.status))
    # A type has one title, whoever raises it (RFC 9457, 3.1.3).
    slug, title = _ROUTING.get(status.value, (Malformed.type, Malformed.title))
    detail = error.description or {
        404: f"There is no such endpoint or record: {req.method} {req.path}. /openapi.json lists the endpoints.",
        405: f"{req.method} is not something that can be done to {req.path}; the Allow header lists what can.",
    }.get(status.value, status.phrase)
    body = ProblemBody(f"/docs/problems#{slug}", title, status.value, detail, request_id_of(req))
    _write(req, resp, body, dict(error.headers or {}))


def _unforeseen(req: Any, resp: falcon.Response, error: Exception, params: Any) -> None:
    request_id = request_id_of(req)
    log.error("%s %s failed", req.method, req.path, exc_info=error, extra={"request_id": request_id})
    body = ProblemBody(
        f"/docs/problems#{INTERNAL_ERROR[0]}",
        INTERNAL_ERROR[1],
        500,
        "The error was logged under this request id.",
        request_id,
    )
    _write(req, resp, body, {})


def request_id_of(req: Any) -> str | None:
    return getattr(req.context, "request_id", None)
