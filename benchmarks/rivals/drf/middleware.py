"""Request id and careful headers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from benchmarks.rivals.crm import HEADERS


def around(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def middleware(request: Any) -> Any:
        request.request_id = secrets.token_hex(16)
        response = get_response(request)
        response.headers["X-Request-ID"] = request.request_id
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    return middleware
