"""What every answer gets: a request id, headers that tell browsers to be careful, a log line and a count."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Sequence

import falcon

from bharat.web.metrics import Metrics
from bharat.web.request import Network, is_trusted

access_log = logging.getLogger("bharat.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{8,64}")

_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
)
_API_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)


class Surroundings:
    """Falcon middleware."""

    def __init__(self, metrics: Metrics, trusted_proxies: Sequence[Network], secure: bool) -> None:
        self._metrics = metrics
        self._trusted = tuple(trusted_proxies)
        self._secure = secure

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = req.get_header("X-Request-ID") if is_trusted(req, self._trusted) else None
        req.context.request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        req.context.started = time.perf_counter()

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, ok: bool) -> None:
        request_id = req.context.request_id
        resp.set_header("X-Request-ID", request_id)
        resp.set_headers(_HEADERS)
        if self._secure:
            resp.set_header("Strict-Transport-Security", "max-age=31536000")
        for name, value in _API_HEADERS:
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        seconds = time.perf_counter() - req.context.started
        status = falcon.http_status_to_code(resp.status)
        # Anybody can send a method of their own making; each would be a series for ever.
        method = req.method if req.method in falcon.HTTP_METHODS else "other"
        self._metrics.count(method, req.uri_template or "(none)", status, seconds)
        if access_log.isEnabledFor(logging.INFO):
            access_log.info(
                "%s %s %d %.1f ms",
                req.method,
                req.path,
                status,
                seconds * 1000,
                extra={"request_id": request_id, "status": status, "seconds": round(seconds, 6)},
            )
