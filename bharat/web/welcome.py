"""The welcome page `/`: how this Bharat runs, where to read on, and what to try."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files

from bharat.contracts.html import STYLESHEET, Content, Html, answer, code, command, element, link, page
from bharat.contracts.provider import Capability
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.plugins import Plugins

LOGIN = "login"
"""The operation id of the login."""


@dataclass(frozen=True, slots=True)
class WelcomeFacts:
    """What the page tells. `providers` are (capability, provider, plugin), `plugins` (name, what it adds), `plurals` the
    record types as URLs name them."""

    version: str
    mode: str
    public_url: str
    providers: Sequence[tuple[str, str, str]]
    plugins: Sequence[tuple[str, str]]
    plurals: Sequence[str]


def welcome_facts(plugins: Plugins, builtins: Collection[str], version: str, public_url: str) -> WelcomeFacts:
    """What the page tells of these plugins; `builtins` are left out of the list of the enabled ones."""
    chosen = [plugins.chosen(capability) for capability in Capability]
    types = plugins.record_types()
    adds = {
        name: ", ".join(owned.item.plural.replace("_", " ") for owned in types if owned.plugin == name)
        for name in plugins.names
        if name not in builtins
    }
    return WelcomeFacts(
        version=version,
        mode=plugins.label,
        public_url=public_url,
        providers=[(str(one.capability), one.provider.name, one.plugin) for one in chosen],
        plugins=[(name, records or "no records") for name, records in adds.items()],
        plurals=[owned.item.plural for owned in types],
    )


def welcome_routes(facts: WelcomeFacts, others: Callable[[], Sequence[Route]]) -> list[Route]:
    """`others` gives all routes once they are known: the page names the login and a list only when they are there."""
    made: list[bytes] = []
    stylesheet = files("bharat.web").joinpath("pages.css").read_bytes()

    def welcome(request: Request) -> Response:
        """Public: it is what a browser finds at the address. Holds names of parts, no data."""
        if not made:
            made.append(_page(facts, {(route.operation_id, route.path) for route in others()}))
        return answer(made[0])

    def pages_css(request: Request) -> Response:
        """Public: the stylesheet of public pages."""
        return Response(stylesheet, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=3600"})

    return [
        Route(
            method="GET", path="/", handler=welcome, access=Public(), summary="The welcome page", tag="pages",
            operation_id="welcome", returns=Stream(("text/html",)),
        ),
        Route(
            method="GET", path=STYLESHEET, handler=pages_css, access=Public(), summary="The pages' stylesheet",
            tag="pages", operation_id="pages_css", returns=Stream(("text/css",)),
        ),
    ]  # fmt: skip


def _page(facts: WelcomeFacts, routes: Collection[tuple[str, str]]) -> bytes:
    login_path = next((path for operation, path in routes if operation == LOGIN), None)
    paths = {path for _, path in routes}
    listed = next((plural for plural in facts.plurals if f"/api/v1/{plural}" in paths), None)
    return page(
        "Bharat",
        element("h1", "Bharat is running"),
        element(
            "p",
            "A CRM platform made of plugins. This page is served by the application itself; what you see is what it was ",
            "configured to use.",
            class_="lead",
        ),
        element("div", _state(facts), _providers(facts), _plugins(facts), class_="cards"),
        element("h2", "Three things to try"),
        _tries(facts.public_url, login_path, listed),
    )


def _state(facts: WelcomeFacts) -> Html:
    rows: list[tuple[str, Content]] = [
        ("Version", facts.version),
        ("Runs as", facts.mode),
        ("Address", facts.public_url),
        ("Health", link("/api/health", "/api/health")),
        ("API", [link("/docs", "reference"), " · ", link("/openapi.json", "OpenAPI document")]),
        ("Errors", link("/docs/problems", "every problem type")),
    ]
    if facts.mode != "cluster":  # nginx, which stands before a cluster, doesn't pass it on
        rows.append(("Metrics", link("/metrics", "/metrics")))
    listed = element("dl", [[element("dt", name), element("dd", value)] for name, value in rows])
    return element("section", element("h2", "This installation"), listed, class_="card")


def _providers(facts: WelcomeFacts) -> Html:
    rows = [
        [element("dt", capability), element("dd", provider, element("span", f" from {plugin}", class_="soft"))]
        for capability, provider, plugin in facts.providers
    ]
    return element("section", element("h2", "Chosen providers"), element("dl", rows), class_="card")


def _plugins(facts: WelcomeFacts) -> Html:
    if facts.plugins:
        rows = [[element("dt", name), element("dd", adds)] for name, adds in facts.plugins]
        body = element("dl", rows)
    else:
        body = element("p", "None yet. ", code("bharat plugins"), " lists what is installed.")
    return element("section", element("h2", "Enabled plugins"), body, class_="card")


def _tries(url: str, login_path: str | None, plural: str | None) -> Html:
    # The three that `bharat dev` prints in the terminal, too.
    steps = [
        element(
            "li", "Look around in a browser: you are here, and ", link("/docs", "the reference"), " has every call."
        )
    ]
    if login_path is not None:
        body = '{"email": "YOUR ADDRESS", "password": "YOUR PASSWORD"}'
        text = (
            f"curl -c cookies -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)} \\\n"
            f"  {shlex.quote(url + login_path)}"
        )
        if plural is not None:
            text += f"\ncurl -b cookies {shlex.quote(f'{url}/api/v1/{plural}?limit=3')}"
        told = [
            f"Log in{' and list ' + plural.replace('_', ' ') if plural else ''}. ", code("bharat dev"),
            " printed an address and a password; they are kept in ", code("demo-login.json"), " in Bharat's folder.",
        ]  # fmt: skip
        steps.append(element("li", told, command(text)))
    on_path = [" In a clone, ", code("source .venv/bin/activate"), " makes the command known to a terminal."]
    if plural is not None:
        told = ["Bring your own: read a CSV file, first without writing anything.", *on_path]
        steps.append(element("li", told, command(f"bharat import {plural} your-file.csv --dry-run")))
    else:
        told = ["Add record types: see which plugins are installed, and enable one.", *on_path]
        steps.append(element("li", told, command("bharat plugins")))
    return element("ol", steps)
