"""An error as a page, for a browser that went astray. Programs, and everything under `/api`, get problem+json."""

from __future__ import annotations

import falcon

from bharat.contracts.html import code, element, link, page
from bharat.web.statuses import phrase

# The first one wins where the caller has no preference, as curl and most programs have none.
_OFFERED = ("application/problem+json", "application/json", "text/html")


def may_be_page(req: falcon.Request) -> bool:
    """Whether `Accept` decides what an error at this address looks like."""
    return req.method in ("GET", "HEAD") and req.path != "/api" and not req.path.startswith("/api/")


def wants_page(req: falcon.Request) -> bool:
    """Whether the caller would rather have a page, as browsers do."""
    return may_be_page(req) and req.client_prefers(_OFFERED) == "text/html"


def error_page(title: str, status: int, told: str, about: str, request_id: str | None) -> bytes:
    """What went wrong, and the way home."""
    return page(
        title,
        element("h1", title),
        element("p", told, class_="lead"),
        element("p", link("/", "To the start"), " · ", link("/docs", "API reference"), " · ", link(about, "About this problem")),
        element(
            "p", f"HTTP {status} {phrase(status)}",
            [" · request ", code(request_id)] if request_id else None, class_="soft status",
        ),
    )  # fmt: skip
