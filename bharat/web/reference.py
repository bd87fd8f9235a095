"""The API reference `/docs` and `/docs/problems`, rendered from the OpenAPI document and the problem types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from bharat.contracts.errors import Problem
from bharat.contracts.html import Content, Html, answer, code, element, link, page, table
from bharat.contracts.route import Public, Request, Response, Route, Stream
from bharat.web.openapi import document
from bharat.web.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED

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
        found.setdefault(kind.type, (kind.type, kind.status.value, kind.title, text.replace("`", "")))
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
            element("p", element("strong", title), f" · HTTP {status} {HTTPStatus(status).phrase}"),
            element("p", text),
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
        element("section", element("h2", tag), operations, id=_anchor("tag", tag)) for tag, operations in by_tag.items()
    ]
    schemas = api["components"]["schemas"]
    return page(
        "API reference",
        element("h1", "API reference"),
        element("p", api["info"]["description"], class_="lead"),
        element("p", "For programs: ", link("/openapi.json", "the OpenAPI 3.1 document"), "."),
        element(
            "nav",
            element("ul", [element("li", link(f"#{_anchor('tag', tag)}", tag)) for tag in by_tag], class_="tags"),
            aria_label="Groups of operations",
        ),
        sections,
        element("section", element("h2", "Schemas"), [_schema(name, schemas[name]) for name in sorted(schemas)]),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Html:
    inside: list[Content] = []
    if text := operation.get("description"):
        inside.append(element("p", text))
    if permission := operation.get("x-permission"):
        inside.append(element("p", "Needs the permission ", code(permission), "."))
    elif operation["security"]:
        inside.append(element("p", "For whoever is logged in."))
    else:
        inside.append(element("p", "For everyone."))
    if parameters := operation.get("parameters"):
        rows = [
            [
                code(p["name"]),
                p["in"],
                _type(p["schema"]),
                "required" if p["required"] else "",
                p.get("description", ""),
            ]
            for p in parameters
        ]
        inside.append(table("Parameters", ("Name", "In", "Type", "", "Meaning"), rows))
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
        code(path),
        element("span", operation["summary"], class_="soft"),
    )
    return element("details", heading, element("div", inside), id=_anchor("operation", operation["operationId"]))


def _schema(name: str, schema: Mapping[str, Any]) -> Html:
    inside: list[Content] = [element("p", schema["description"])] if "description" in schema else []
    if properties := schema.get("properties"):
        required = set(schema.get("required", ()))
        rows = [
            [code(field), _type(value), "required" if field in required else "", value.get("description", "")]
            for field, value in properties.items()
        ]
        inside.append(table(f"Fields of {name}", ("Name", "Type", "", "Meaning"), rows))
    else:
        inside.append(element("p", _type(schema)))
    return element("details", element("summary", code(name)), element("div", inside), id=_anchor("schema", name))


def _contents(content: Mapping[str, Any]) -> Content:
    parts: list[Content] = []
    for media, value in content.items():
        if parts:
            parts.append(", or ")
        parts += [_type(value["schema"]), element("span", f" as {media}", class_="soft")]
    return parts


def _type(schema: Mapping[str, Any]) -> Content:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return link(f"#{_anchor('schema', name)}", name)
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            parts: list[Content] = []
            for option in schema[joined]:
                parts += [" or ", _type(option)] if parts else [_type(option)]
            return parts
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return ["list of ", _type(schema.get("items") or {})]
    words = str(kind) if isinstance(kind, str) else " or ".join(kind)
    if form := schema.get("format"):
        words += f" ({form})"
    limits = [f"{label} {schema[key]}" for key, label in _LIMITS.items() if key in schema]
    return f"{words}, {', '.join(limits)}" if limits else words


_LIMITS = {
    "minLength": "at least characters:",
    "maxLength": "at most characters:",
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "maxItems": "at most items:",
}


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}"
