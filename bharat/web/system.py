"""The platform's own endpoints: health for people and balancers, metrics, the API document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bharat.contracts.check import Status
from bharat.contracts.errors import Unavailable
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.plugins.examining import SEVERITY, Examined
from bharat.web.metrics import Metrics
from bharat.web.openapi import document


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What the application tells of itself. `not_ready` gives the reasons why this node must get no traffic."""

    version: str
    mode: str
    public_url: str
    not_ready: Callable[[], Sequence[str]]
    gauges: Callable[[], Mapping[str, float]]
    health: Callable[[], Sequence[Examined]]


class Live(msgspec.Struct, frozen=True):
    status: str


class CheckBody(msgspec.Struct, frozen=True):
    """One part's state. `remedy` says what to do when it is not ok."""

    name: str
    status: Status
    detail: str
    remedy: str


class Health(msgspec.Struct, frozen=True):
    """The platform's state: the worst of its parts."""

    status: Status
    version: str
    mode: str
    checks: list[CheckBody]


def system_routes(facts: SystemFacts, metrics: Metrics, others: Callable[[], Sequence[Route]]) -> list[Route]:
    """`others` gives all routes once they are known, for the API document."""
    encoded: list[bytes] = []

    def livez(request: Request) -> Live:
        """Public: a balancer has no credentials. Touches no dependency: a lost database must not restart every node."""
        return Live("ok")

    def readyz(request: Request) -> Live:
        """Public: a balancer has no credentials. Says no while a migration is pending or the node drains."""
        if reasons := facts.not_ready():
            raise Unavailable(" ".join(reasons))
        return Live("ok")

    def health(request: Request) -> Response:
        """Public: monitors have no credentials; it tells states of parts, no data and no addresses, and looks but now and then."""
        found = [(part.name, part.worst) for part in facts.health()]
        worst = max((finding.status for _, finding in found), key=SEVERITY.__getitem__, default=Status.OK)
        parts = [CheckBody(name, item.status, item.detail, item.remedy) for name, item in found]
        body = Health(worst, facts.version, facts.mode, parts)
        return Response(body, status=503 if worst is Status.FAILED else 200)

    def metrics_page(request: Request) -> Response:
        """Public: scraped inside the private network; nginx does not pass it on. Holds counts, no data."""
        try:
            gauges = facts.gauges()
        except Unavailable:
            gauges = {}  # what this process counted is worth most while the database is away
        text = metrics.exposition(gauges)
        return Response(text.encode(), content_type="text/plain; version=0.0.4; charset=utf-8")

    def openapi(request: Request) -> Response:
        """Public: it describes the API, not its data."""
        if not encoded:
            encoded.append(msgspec.json.encode(document(others(), version=facts.version, public_url=facts.public_url)))
        return Response(encoded[0], headers={"Cache-Control": "public, max-age=60"})

    def route(path: str, handler: Callable[[Request], Any], summary: str, returns: Any, *errors: int) -> Route:
        return Route(
            method="GET", path=path, handler=handler, access=Public(), summary=summary, tag="system",
            operation_id=handler.__name__, returns=returns, errors=errors,
        )  # fmt: skip

    return [
        route("/livez", livez, "Is this process alive?", Live),
        route("/readyz", readyz, "May this node get traffic?", Live),
        route("/api/health", health, "How is the platform?", Health),
        route("/metrics", metrics_page, "Counts for Prometheus", Stream(("text/plain",))),
        route("/openapi.json", openapi, "This document", dict[str, Any]),
    ]
