"""The OpenAPI 3.1 document, made once from the route table and the types that decode and encode."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from bharat.contracts.phrasing import END
from bharat.contracts.route import Authenticated, Needs, Public, Route, Stream
from bharat.web.idempotency import takes_key
from bharat.web.problems import CONTENT_TYPE, ProblemBody
from bharat.web.statuses import phrase

JSON = "application/json"
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+)(?:\([^)]*\))?)?\}")
_PATH_SCHEMAS: Mapping[str | None, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    None: {"type": "string", "minLength": 1},
    "path": {"type": "string", "minLength": 1},
}


def document(routes: Sequence[Route], *, version: str, public_url: str) -> dict[str, Any]:
    """The document as JSON values."""
    types = _types(routes)
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}", schema_hook=_schema_hook
    )
    by_type = {id(type_): schema for type_, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, by_type, components)
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Bharat",
            "version": version,
            "description": (
                "Records are versioned: a change names the version it is based on in `If-Match`. Lists are paged by cursor. "
                "A POST that lists the header `Idempotency-Key` may carry one. Errors are RFC 9457 problem+json."
            ),
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-bharat_session" if public_url.startswith("https:") else "bharat_session",
                },
                "api_key": {"type": "http", "scheme": "bearer"},
            },
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
    }
    return cast(dict[str, Any], _for_readers(described))


def _for_readers(schema: Any) -> Any:
    """The same with patterns as ECMAScript has them, where `$` is the end and nothing else."""
    if isinstance(schema, Mapping):
        return {
            name: value.replace(END, "$") if name == "pattern" and isinstance(value, str) else _for_readers(value)
            for name, value in schema.items()
        }
    return [_for_readers(one) for one in schema] if isinstance(schema, list) else schema


def _types(routes: Sequence[Route]) -> list[Any]:
    found: list[Any] = [ProblemBody]
    for route in routes:
        for type_ in (route.body, route.returns, route.query):
            if type_ is not None and not isinstance(type_, Stream) and all(type_ is not known for known in found):
                found.append(type_)
    return found


def _operation(route: Route, schemas: Mapping[int, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "responses": _responses(route, schemas),
    }
    description = (route.handler.__doc__ or "").strip()
    if description:
        operation["description"] = " ".join(description.split())
    if parameters := [*_path_parameters(route), *_query_parameters(route, schemas, components), *_declared(route)]:
        operation["parameters"] = parameters
    if isinstance(route.body, Stream):
        content = {media: {"schema": {"type": "string", "format": "binary"}} for media in route.body.content_types}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {JSON: {"schema": schemas[id(route.body)]}},
        }
    operation["security"] = _security(route)
    if isinstance(route.access, Needs):
        operation["x-permission"] = route.access.permission
    return operation


def _security(route: Route) -> list[dict[str, Any]]:
    """The ways to say who calls, any one of which will do."""
    if isinstance(route.access, Public):
        return []
    if isinstance(route.access, Authenticated) and route.access.by_login:
        return [{"session": []}]
    return [{"session": []}, {"api_key": []}]


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for name, kind in _PARAMETER.findall(route.path):
        parameter = {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[kind or None]}
        if name in route.examples:
            parameter["example"] = str(route.examples[name])
        found.append(parameter)
    return found


def _query_parameters(route: Route, schemas: Mapping[int, Any], components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = schemas[id(route.query)]
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    found = []
    for name, value in schema["properties"].items():
        entry = {"name": name, "in": "query", "required": name in required, "schema": _without_null(value)}
        if "description" in value:
            entry["description"] = value["description"]
        found.append(entry)
    return found


def _declared(route: Route) -> list[dict[str, Any]]:
    found = [
        {
            "name": parameter.name,
            "in": parameter.location,
            "required": parameter.required,
            "schema": dict(parameter.schema),
            **({"style": "form", "explode": False} if parameter.comma_separated else {}),
            **({"description": parameter.description} if parameter.description else {}),
            **({"x-filters": parameter.filters} if parameter.filters else {}),
        }
        for parameter in route.parameters
    ]
    if takes_key(route):
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Any unique text; a repeat within 24 hours has no further effect and gets the same answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )
    return found


def _responses(route: Route, schemas: Mapping[int, Any]) -> dict[str, Any]:
    if route.returns is None:
        success: dict[str, Any] = {"204": {"description": "Done."}}
    elif isinstance(route.returns, Stream):
        content = {media: {"schema": {"type": "string", "format": "binary"}} for media in route.returns.content_types}
        success = {str(route.status): {"description": phrase(route.status), "content": content}}
        if any(parameter.name == "Range" for parameter in route.parameters):
            success["206"] = {"description": phrase(206), "content": content}
    else:
        content = {JSON: {"schema": schemas[id(route.returns)]}}
        success = {str(route.status): {"description": phrase(route.status), "content": content}}
    problem = {"content": {CONTENT_TYPE: {"schema": schemas[id(ProblemBody)]}}}
    for status in sorted(_error_statuses(route)):
        described = {"description": phrase(status)}
        success[str(status)] = described if status == 304 else {**described, **problem}
    return success


def _error_statuses(route: Route) -> set[int]:
    found = {400, 503, *route.errors}
    if not isinstance(route.access, Public):
        found.add(401)
    if isinstance(route.access, (Needs, Authenticated)) or route.method != "GET":
        found.add(403)
    if "{" in route.path:
        found.add(404)
    if route.body is not None:
        found |= {413, 415, 422}
    if takes_key(route):
        found |= {409, 422}
    return found


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A query parameter is absent, never null."""
    plain = {name: value for name, value in schema.items() if name not in ("default", "description", "title")}
    options = plain.get("anyOf")
    if options is not None:
        rest = [option for option in options if option != {"type": "null"}]
        if len(rest) == 1:
            plain = {**{name: value for name, value in plain.items() if name != "anyOf"}, **rest[0]}
    return plain


def _schema_hook(type_: type) -> dict[str, Any]:
    raise NotImplementedError(f"{type_!r} has no JSON Schema; use a type msgspec knows")
