"""What the API reference explains once instead of at every operation: how to say who calls, and the filters of lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bharat.contracts.html import Content, Html, code, command, element, link, prose, table
from bharat.web.schema_words import type_in_words

Parameters = Sequence[Mapping[str, Any]]

_ORDER = ("", ".ne", ".gt", ".gte", ".lt", ".lte", ".in", ".prefix", ".null")


def authentication(api: Mapping[str, Any]) -> Html:
    """With an API key, and with the cookie of a login."""
    url = api["servers"][0]["url"]
    cookie = api["components"]["securitySchemes"]["session"]["name"]
    return element(
        "section",
        element("h2", "Authentication"),
        element(
            "p", element("strong", "With an API key"), ", for programs: whoever is logged in makes one with ",
            code("POST /api/v1/api-keys"), ", and it goes into every call. It may do what its owner may, as far as its scopes go.",
        ),
        command(f"curl -H 'Authorization: Bearer bh_…' {url}/api/v1/me"),
        element(
            "p", element("strong", "With a login"), ", for people and their browsers: the answer to ", code("POST /api/v1/login"),
            " sets the cookie ", code(cookie), ". A change that carries it must not come from another site's page, which the header ",
            code("Origin"), " tells.",
        ),
        command(
            "curl -c cookies -H 'Content-Type: application/json' \\\n"
            "  -d '{\"email\": \"YOUR ADDRESS\", \"password\": \"YOUR PASSWORD\"}' \\\n"
            f"  {url}/api/v1/login\n"
            f"curl -b cookies {url}/api/v1/me"
        ),
        id="authentication",
    )  # fmt: skip


def filters_explained(api: Mapping[str, Any]) -> Html | None:
    """Every operator that some list knows, with its meaning."""
    meanings: dict[str, str] = {}
    for parameter in _parameters(api):
        if "x-filters" in parameter:
            meanings.setdefault(_operator(parameter), parameter.get("description", ""))
    if not meanings:
        return None
    rows = [[code(f"field{operator}=…"), prose(meaning)] for operator, meaning in sorted(meanings.items(), key=_place)]
    return element(
        "section",
        element("h2", "Filters of lists"),
        element(
            "p", "A list is filtered by its fields, and by an organisation's own as ", code("custom.NAME"),
            ". Several filters must all hold; each may be given once, and ", code(".in"), " takes several values.",
        ),
        table("Operators; each list says which of them a field has", ("Filter", "Meaning"), rows),
        id="filters",
    )  # fmt: skip


def filter_table(filters: Parameters) -> Html:
    """One row for each field, with its operators."""
    fields: dict[str, list[Mapping[str, Any]]] = {}
    for parameter in filters:
        fields.setdefault(parameter["x-filters"], []).append(parameter)
    rows = [[code(field), _operators(own), type_in_words(own[0]["schema"])] for field, own in fields.items()]
    return element(
        "div",
        table("Filters", ("Field", "Operators", "Value"), rows),
        element("p", link("#filters", "What the operators mean"), class_="soft"),
    )


def _place(meaning: tuple[str, str]) -> tuple[int, str]:
    operator = meaning[0]
    return (_ORDER.index(operator) if operator in _ORDER else len(_ORDER), operator)


def _operators(own: Parameters) -> Content:
    parts: list[Content] = []
    for parameter in own:
        parts += [" " if parts else None, code(_operator(parameter) or "=")]
    return parts


def _operator(parameter: Mapping[str, Any]) -> str:
    """`.gte`, or nothing for what a field equals."""
    return str(parameter["name"]).removeprefix(parameter["x-filters"])


def _parameters(api: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for operations in api["paths"].values():
        for operation in operations.values():
            yield from operation.get("parameters", ())
