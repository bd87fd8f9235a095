"""The Falcon application, assembled from routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon

from bharat.contracts.route import Route
from bharat.web import problems
from bharat.web.dispatch import Dispatcher, add_routes
from bharat.web.metrics import Metrics
from bharat.web.middleware import Surroundings


def falcon_app(dispatcher: Dispatcher, routes: Sequence[Route], metrics: Metrics) -> falcon.App[Any, Any]:
    """A WSGI callable that serves `routes` and nothing else."""
    options = dispatcher.options
    app: falcon.App[Any, Any] = falcon.App(
        middleware=[Surroundings(metrics, options.trusted_proxies, options.secure)], media_type="application/json"
    )
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.auto_parse_form_urlencoded = False
    app.resp_options.xml_error_serialization = False
    app.resp_options.secure_cookies_by_default = options.secure
    problems.install(app)
    add_routes(app, dispatcher, routes)
    return app
