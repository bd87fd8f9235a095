"""The API reference `/docs` and `/docs/problems`, rendered from the OpenAPI document and the problem types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bharat.contracts.errors import Problem
from bharat.contracts.html import Content, Html, answer, code, element, link, page, prose, table
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.web.openapi import document
from bharat.web.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED
from bharat.web.reference_notes import authentication, filter_table, filters_explained
from bharat.web.schema_words import anchor, type_in_words
from bharat.web.statuses import phrase

PLATFORM_TAGS = ("pages", "storage", "system")
OTHER_PROBLEMS = (
    ("bad-request", 400, "The request can't be carried out", "The detail says why."),
    (METHOD_NOT_ALLOWED[0], 405, METHOD_NOT_ALLOWED[1], "The Allow header lists the methods that can be."),
    (
        INTERNAL_ERROR[0],
        500,
        INTERNAL_ERROR[1],
        "Nothing was changed. The error was logged under the request id that the answer carries.",
    ),
)  # fmt: skip


def reference_routes(others: Callable[[], Sequence[Route]], version: str, public_url: str) -> list[Route]:
    """`others` gives all routes once they are known."""
    made: dict[str, bytes] = {}

    def api_reference(request: Request) -> Response:
        """Public: it describes the API, not its data."""
        if "docs" not in made:
            made["docs"] = _reference(document(others(), version=version, public_url=public_url))
        return answer(made["docs"])

    def problem_types(request: Request) -> Response:
        """Public: it describes errors that anybody may meet."""
        if "problems" not in made:
            made["problems"] = _problems()
        return answer(made["problems"])

    return [
        Route(
            method="GET", path="/docs", handler=api_reference, access=Public(), summary="The API reference",
            tag="pages", operation_id="api_reference", returns=Stream(("text/html",)),
        ),
        Route(
            method="GET", path="/docs/problems", handler=problem_types, access=Public(),
            summary="Every type of problem an answer may name", tag="pages", operation_id="problem_types",
            returns=Stream(("text/html",)),
        ),
    ]  # fmt: skip


def problem_kinds() -> list[tuple[str, int, str, str]]:
    """Every problem type as (slug, status, title, explanation), by status, then slug."""
    found = {slug: (slug, status, title, text) for slug, status, title, text in OTHER_PROBLEMS}
    for kind in _kinds_of(Problem):
        text = " ".join((kind.__doc__ or "").split())
        found.setdefault(kind.type, (kind.type, kind.status.value, kind.title, text))
    return sorted(found.values(), key=lambda kind: (kind[1], kind[0]))


def _kinds_of(base: type[Problem]) -> Iterable[type[Problem]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


def _problems() -> bytes:
    entries = [
        element(
            "section",
            element("h2", link(f"#{slug}", slug)),
            element("p", element("strong", title)),
            element("p", f"HTTP {status} {phrase(status)}", class_="soft status"),
            element("p", prose(text)),
            id=slug,
            class_="card",
        )
        for slug, status, title, text in problem_kinds()
    ]
    return page(
        "Problems",
        element("h1", "Problem types"),
        element(
            "p",
            "Every answer that is not a success is ", code("application/problem+json"), " (RFC 9457). Its ", code("type"),
            " names one of these and never changes; ", code("detail"), " says what was wrong this time; ", code("errors"),
            " lists every refused field; ", code("request_id"), " finds the request in the logs.",
            class_="lead",
        ),
        element("div", entries, class_="cards"),
    )  # fmt: skip


def _reference(api: Mapping[str, Any]) -> bytes:
    # What people come for first, what serves machines last.
    tags = sorted((tag["name"] for tag in api["tags"]), key=lambda tag: (tag in PLATFORM_TAGS, tag))
    by_tag: dict[str, list[Html]] = {tag: [] for tag in tags}
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append(_operation(method, path, operation))
    sections = [
        element("section", element("h2", tag), operations, id=anchor("tag", tag)) for tag, operations in by_tag.items()
    ]
    schemas = api["components"]["schemas"]
    return page(
        "API reference",
        element("h1", "API reference"),
        element("p", prose(api["info"]["description"]), class_="lead"),
        element("p", "For programs: ", link("/openapi.json", "the OpenAPI 3.1 document"), "."),
        element(
            "nav",
            element("ul", [element("li", link(f"#{anchor('tag', tag)}", tag)) for tag in by_tag], class_="tags"),
            aria_label="Groups of operations",
        ),
        authentication(api),
        filters_explained(api),
        sections,
        element("section", element("h2", "Schemas"), [_schema(name, schemas[name]) for name in sorted(schemas)]),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Html:
    inside: list[Content] = []
    if text := operation.get("description"):
        inside.append(element("p", prose(text)))
    inside.append(element("p", _callers(operation)))
    parameters = operation.get("parameters", ())
    if plain := [parameter for parameter in parameters if "x-filters" not in parameter]:
        rows = [
            [
                code(p["name"]),
                p["in"],
                type_in_words(p["schema"]),
                "required" if p["required"] else "",
                prose(p.get("description", "")),
            ]
            for p in plain
        ]
        inside.append(table("Parameters", ("Name", "In", "Type", "", "Meaning"), rows))
    if filters := [parameter for parameter in parameters if "x-filters" in parameter]:
        inside.append(filter_table(filters))
    if body := operation.get("requestBody"):
        inside.append(element("p", element("strong", "Body: "), _contents(body["content"])))
    responses = operation["responses"]
    rows = [
        [status, answer["description"], _contents(answer["content"]) if "content" in answer else "nothing"]
        for status, answer in responses.items()
        if int(status) < 400
    ]
    inside.append(table("Answers", ("Status", "Meaning", "Body"), rows))
    refusals = ", ".join(status for status in responses if int(status) >= 400)
    inside.append(element("p", link("/docs/problems", "Problems"), f": {refusals}"))
    heading = element(
        "summary",
        element("span", method.upper(), class_=f"method {method}"),
        element("span", code(path), class_="path"),
        element("span", prose(operation["summary"]), class_="soft"),
    )
    return element("details", heading, element("div", inside), id=anchor("operation", operation["operationId"]))


def _callers(operation: Mapping[str, Any]) -> Content:
    """Who may call, and with what."""
    ways = {name for way in operation["security"] for name in way}
    if not ways:
        return "For everyone."
    how = link("#authentication", "a login or an API key" if "api_key" in ways else "a login only")
    if permission := operation.get("x-permission"):
        return ["Needs the permission ", code(permission), ", with ", how, "."]
    return ["Needs ", how, *([] if "api_key" in ways else [": an API key can't do it"]), "."]


def _schema(name: str, schema: Mapping[str, Any]) -> Html:
    inside: list[Content] = [element("p", prose(schema["description"]))] if "description" in schema else []
    if properties := schema.get("properties"):
        required = set(schema.get("required", ()))
        rows = [
            [
                code(field),
                type_in_words(value),
                "required" if field in required else "",
                prose(value.get("description", "")),
            ]
            for field, value in properties.items()
        ]
        inside.append(table(f"Fields of {name}", ("Name", "Type", "", "Meaning"), rows))
    else:
        inside.append(element("p", type_in_words(schema)))
    return element(
        "details", element("summary", code(name), class_="short"), element("div", inside), id=anchor("schema", name)
    )


def _contents(content: Mapping[str, Any]) -> Content:
    parts: list[Content] = []
    for media, value in content.items():
        if parts:
            parts.append(", or ")
        parts += [type_in_words(value["schema"]), element("span", f" as {media}", class_="soft")]
    return parts
