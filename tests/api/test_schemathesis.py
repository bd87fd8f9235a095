"""The whole OpenAPI document, tried by Schemathesis against the real application: what it says is what the API does.

At least 50 examples an operation, with the phases examples, coverage, fuzzing and stateful; the version is pinned in
requirements-dev.txt and the seed here. What is passed over is listed below, each with its reason.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.config import ProjectConfig, SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.context import EngineContext
from schemathesis.generation.case import Case
from schemathesis.generation.meta import TestPhase
from schemathesis.generation.modes import GenerationMode
from schemathesis.hooks import HookContext
from schemathesis.specs.openapi.extra_data_source import OpenApiExtraDataSource

from bharat.contracts.principal import Role
from tests.fixtures.application import Caller, OpenSite, Site

SEED = 20260101
EXAMPLES = 50
PROBLEM = "application/problem+json"
DOCUMENT = "GET /openapi.json"
"""Not tried: it is what Schemathesis reads."""
# Werkzeug's client calls the application as localhost.
ADDRESS = {"BHARAT_SERVER__PUBLIC_URL": "http://localhost"}
PHASES = ("examples", "coverage", "fuzzing", "stateful")

pytestmark = [
    # Schemathesis and Hypothesis warn of what they do themselves.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("wsgi_without_network_options", "without_climbing", "without_forgetting"),
]


@dataclass(frozen=True)
class Exclusion:
    """A finding of `check` that is none, where `applies` to the operation's label and what was answered: `status`, `detail` and what
    else a problem tells, with the `uri` that was asked."""

    check: str
    reason: str
    applies: Callable[[str, dict[str, Any]], bool]


def _only(*names: str) -> Callable[[str, dict[str, Any]], bool]:
    """All that was wrong are these query parameters."""

    def applies(label: str, problem: dict[str, Any]) -> bool:
        wrong = {fault["path"].removeprefix("?") for fault in problem.get("errors", ())}
        return problem["status"] == 400 and bool(wrong) and all(_named(name, names) for name in wrong)

    return applies


def _named(name: str, names: tuple[str, ...]) -> bool:
    return name in names or any(known.startswith(".") and name.endswith(known) for known in names)


ACCEPTED = "positive_data_acceptance"

EXCLUSIONS = (
    Exclusion(ACCEPTED, "a cursor is signed: one that is made up is never valid", _only("cursor")),
    Exclusion(ACCEPTED, "a sort names a field once, which a pattern can't say", _only("sort", "cursor")),
    Exclusion(ACCEPTED, "what counts as space differs between dialects of regular expressions", _only("q", "cursor", "sort")),
    Exclusion(ACCEPTED, "the names of record types are no part of the schema", _only("types", "q")),
    Exclusion(ACCEPTED, "a comma separates the values of a list, whatever their own pattern says", _only(".in", "cursor", "sort", "q")),
    Exclusion(
        ACCEPTED, "U+0000 is refused in every query string, whatever the parameter",
        lambda _, problem: "U+0000" in problem["detail"],
    ),
    Exclusion(
        ACCEPTED, "a null that an earlier answer held is sent as the text None, which is no id and no date",
        lambda _, problem: problem["status"] == 400 and "=None" in problem["uri"],
    ),
    Exclusion(ACCEPTED, "a period that ends before it begins is a rule between two parameters", _only("to")),
    Exclusion(
        ACCEPTED, "a digest is that of the body, which no schema says",
        lambda _, problem: problem["status"] == 400 and "Content-Digest" in problem["detail"],
    ),
    Exclusion(ACCEPTED, "a range lies within the file, whose length no schema says", lambda _, problem: problem["status"] == 416),
    Exclusion(
        ACCEPTED, "the grammar of a CSV file and of the options that describe it is no JSON Schema",
        lambda label, problem: label.endswith("/import") and problem["status"] == 400,
    ),
    Exclusion(
        "response_schema_conformance", "a file has the type that whoever sent it named, whatever its bytes are",
        lambda label, problem: label.endswith("/content") and problem["status"] in (200, 206),
    ),
    Exclusion(
        "ensure_resource_availability", "a later invitation of the same person, or the person's removal, ends one",
        lambda label, problem: "/invitations/" in label and problem["status"] == 404,
    ),
)  # fmt: skip
"""What is passed over. Two more are in `_configured`: the statuses 412, 422 and 428."""


API = "/api/v1"
UNREACHED = re.compile(
    # Nobody guesses an address and its password, the token of a mail, the signature of an address or of a delivery.
    rf"POST {API}/(login|password-resets/confirm|invitations/accept|webhooks/.*)|(GET|PUT) /storage/.*"
    # Everything is tried with a key, and these ask for a login.
    rf"|[A-Z]+ {API}/(me/.*|api-keys.*)"
    # The names of record types are no part of the schema, nor are the columns of a type's CSV file.
    rf"|[A-Z]+ {API}/custom-fields.*|POST {API}/[a-z_]+/import"
    # What is made up is no picture.
    rf"|GET {API}/[a-z_]+/{{id}}/files/{{file}}/thumbnail"
)
"""Operations that need not have answered 2xx or 3xx to anything."""
FEW_INPUTS = re.compile(
    rf"GET /|GET /(accept-invitation|reset-password|assets/.*|docs.*|livez|readyz|metrics|api/health)"
    rf"|GET {API}/(me|organisation)|POST {API}/logout|(GET|DELETE) {API}/me/sessions"
    rf"|GET {API}/integrations|(GET|DELETE) {API}/integrations/[a-z]+/webhook|GET {API}/integrations/[a-z]+"
)
"""Operations that take next to nothing, of which there are no 50 different examples."""


def _configured(schema: Any, key: str, phases: Collection[str], modes: Sequence[GenerationMode]) -> None:
    config = schema.config
    config.update(headers={"Authorization": f"Bearer {key}"}, continue_on_failure=True)
    config.generation.update(max_examples=EXAMPLES, database="none", no_shrink=True, with_security_parameters=False)
    for phase in PHASES:
        config.phases.get_by_name(name=phase).enabled = phase in phases
    config.phases.coverage.generation.update(modes=list(modes))
    # A missing If-Match is answered with 428 (RFC 6585, 3), which the check does not know.
    config.checks.missing_required_header.expected_statuses = [
        *config.checks.missing_required_header.expected_statuses, "428",
    ]  # fmt: skip
    # Valid by its schema, and still refused: a version that is not the current one (412), and what only the stored data or
    # several fields together tell, such as a reference to nothing (422).
    config.checks.positive_data_acceptance.expected_statuses = [
        *config.checks.positive_data_acceptance.expected_statuses, "412", "422",
    ]  # fmt: skip


@pytest.fixture
def wsgi_without_network_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schemathesis 4.32.5 hands options of network connections to Werkzeug's client, which takes none, when a check sends a
    request of its own."""
    network = ("max_redirects", "verify", "cert")
    options = EngineContext.get_transport_kwargs

    def without(self: EngineContext, operation: Any = None) -> dict[str, Any]:
        return {name: value for name, value in options(self, operation).items() if name not in network}

    monkeypatch.setattr(EngineContext, "get_transport_kwargs", without)


@pytest.fixture
def without_climbing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis would spend a third of the time on examples like those that succeeded, which are told it as a target always."""
    settings = ProjectConfig.get_hypothesis_settings

    def without(self: ProjectConfig, **options: Any) -> hypothesis.settings:
        found = settings(self, **options)
        return hypothesis.settings(
            found, phases=[phase for phase in found.phases if phase is not hypothesis.Phase.target]
        )

    monkeypatch.setattr(ProjectConfig, "get_hypothesis_settings", without)


@pytest.fixture
def without_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids that answers held are drawn from again, and one that was deleted is taken out. That makes Hypothesis give up an
    operation, in silence, because what can be drawn changes under its hands."""
    monkeypatch.setattr(OpenApiExtraDataSource, "record_successful_delete", lambda self, **_: None)


def test_the_api_does_what_its_document_says(open_site: OpenSite, dialect: str) -> None:
    """All forms of what is valid, 50 examples of each operation, valid and not, and operations one after another. Every second
    collection is tried on SQLite and the others on PostgreSQL: the code of all of them is the same."""
    part = slice(dialect == "postgresql", None, 2)
    _tried(open_site("crm", "sample", **ADDRESS), PHASES, [GenerationMode.POSITIVE], part)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_api_refuses_what_its_document_rules_out(open_site: OpenSite) -> None:
    """Every way to break every schema, for the platform and one record type: those of the other types are made by the same code,
    and what is malformed is refused before a database is asked."""
    _tried(open_site("sample", **ADDRESS), ("coverage",), list(GenerationMode))


EVERYTHING = slice(None)


def _collection(path: str) -> str:
    """What the operations of a path belong to."""
    return path.removeprefix(f"{API}/").partition("/")[0] if path.startswith(f"{API}/") else ""


def _tried(site: Site, phases: Collection[str], modes: Sequence[GenerationMode], part: slice = EVERYTHING) -> None:
    """Run the phases on a part of the collections in the order of their names, and hold that nothing was found and nothing left out."""
    assert schemathesis.__version__ == "4.32.5"
    organisation = site.organisation("acme")
    admin = site.user(organisation, Role.ADMIN, team_id=site.team(organisation, "North"))
    # With pipelines, stages and records of every type there is something to find, to refer to and to begin a deal in.
    site.app.plugins.fill_demo(site.app, organisation, admin.user_id)
    document = schemathesis.openapi.from_wsgi("/openapi.json", site.app.wsgi(), config=SchemathesisConfig(seed=SEED))
    paths = document.raw_schema["paths"]
    tried_here = set(sorted({_collection(path) for path in paths})[part])
    schema = document.include(
        lambda context: _collection(context.operation.path) in tried_here and context.operation.label != DOCUMENT
    )
    _configured(schema, admin.key, phases, modes)
    found: dict[tuple[str, ...], str] = {}
    calls: Counter[str] = Counter()
    examples: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    followed: set[str] = set()
    tried: set[str] = set()
    for event in _events(schema, Stock(admin)):
        if isinstance(event, events.ScenarioFinished):
            calls[event.phase.value] += len(event.recorder.interactions)
            tried.update(case.value.operation.label for case in event.recorder.cases.values())
            for id, interaction in event.recorder.interactions.items():
                label = event.recorder.cases[id].value.operation.label
                examples[label] += 1
                if interaction.response is not None and interaction.response.status_code < 400:
                    reached[label] += 1
                    if event.phase.value == "stateful" and event.recorder.cases[id].parent_id is not None:
                        followed.add(label)
            for what, text in _findings(event):
                found.setdefault(what, text)
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            found.setdefault(("error", str(event)), "")
    shown = "\n\n".join(f"{' / '.join(what)}\n{text}" for what, text in list(found.items())[:20])
    assert not found, f"{len(found)} findings in {dict(calls)}:\n\n{shown}"
    assert admin.get("/api/v1/me").status_code == 200, "the key that everything was tried with is dead"
    assert set(calls) >= set(phases), f"phases that did nothing: {set(phases) - set(calls)}"
    operations = {
        f"{method.upper()} {path}" for path in paths for method in paths[path] if _collection(path) in tried_here
    } - {DOCUMENT}
    assert tried == operations
    if "fuzzing" in phases:
        few = {
            each: examples[each] for each in operations if examples[each] < EXAMPLES and not FEW_INPUTS.fullmatch(each)
        }
        assert not few, f"operations with less than {EXAMPLES} examples: {few}"
        unreached = {each for each in operations if not reached[each] and not UNREACHED.fullmatch(each)}
        assert not unreached, f"operations that answered nothing with success: {unreached}"
    if "stateful" in phases:
        kinds = {each.partition(" ")[0] for each in followed if "{id}" in each}
        assert "GET" in kinds, f"all that was done to what a call had made: {sorted(followed)}"
        assert kinds & {"PATCH", "POST", "DELETE"}, f"all that was done to what a call had made: {sorted(followed)}"


class Stock:
    """Lets every third valid call of the fuzzing phase meet a record that is there, made for it, and name others that are: what is
    made up hardly ever does."""

    def __init__(self, admin: Caller) -> None:
        self._admin = admin
        self._calls: Counter[str] = Counter()
        self._made = count()

    def before_call(self, context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        meta = case.meta
        if meta is None or meta.phase.name != TestPhase.FUZZING or meta.generation.mode != GenerationMode.POSITIVE:
            return
        label = case.operation.label
        self._calls[label] += 1
        collection = _collection(case.operation.path)
        if collection == "integrations" and not self._calls[label] % 3:
            self._set_up(case)
        if self._calls[label] % 3 or collection not in MINIMAL:
            return
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = id = self._make(collection)
            if label.endswith("/restore"):
                self._admin.delete(f"{API}/{collection}/{id}")
            if "file" in case.path_parameters:
                case.path_parameters["file"] = self._attach(f"{API}/{collection}/{id}/files", label)
        if "If-Match" in (case.headers or {}):
            case.headers["If-Match"] = "*"
        if isinstance(case.body, dict) and "/bulk" not in label:
            own = {name: value for name, value in case.body.items() if name != "custom" and not name.endswith("_id")}
            case.body = {**own, **(self._references(collection) if label.startswith("POST") else {})}

    def _set_up(self, case: Case[Any]) -> None:
        """Let it meet an integration that is set up, with its webhook open."""
        body = {"api_token": "a token of the doorbell"}
        answer = self._admin.call("PUT", f"{API}/integrations/doorbell", json=body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        self._admin.post(f"{API}/integrations/doorbell/webhook", {"previous_valid_for": 0})
        if "If-Match" in (case.headers or {}):
            case.headers["If-Match"] = "*"

    def _make(self, collection: str) -> str:
        body = {name: value.format(next(self._made)) for name, value in MINIMAL[collection].items()}
        answer = self._admin.post(f"{API}/{collection}", {**body, **self._references(collection)})
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def _attach(self, files: str, label: str) -> str:
        if label.endswith("/complete"):
            return str(self._admin.post(f"{files}/uploads", {"name": "made", "size": 0}).json["file"]["id"])
        return str(self._admin.call("POST", files, params={"name": "made"}, body=b"made").json["id"])

    def _references(self, collection: str) -> dict[str, str]:
        if collection == "stages":
            return {"pipeline_id": self._make("pipelines")}
        if collection == "deals":
            stage = self._make("stages")
            return {"stage_id": stage, "pipeline_id": self._admin.get(f"{API}/stages/{stage}").json["pipeline_id"]}
        return {}


MINIMAL = {
    **{
        each: {"name": "Made {}"}
        for each in ["companies", "contacts", "products", "pipelines", "stages", "deals", "teams", "users"]
    },
    "site_visits": {"subject": "Made {}", "planned_on": "2026-01-01"},
    "invitations": {"email": "made{}@example.com"},
}
"""What a record of a collection can't do without, but for its references."""


def _events(schema: Any, stock: Stock) -> Iterator[Any]:
    hooks = schemathesis.hooks.GLOBAL_HOOK_DISPATCHER
    before_call = stock.before_call
    hooks.register_hook_with_name(before_call, "before_call")
    try:
        yield from from_schema(schema).execute()
    finally:
        hooks.unregister(before_call)


def _findings(event: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """What the checks found, and errors that are no problem+json, each as what tells it from others, and how to see it."""
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        answer = interaction.response
        if answer is None:
            continue
        label = recorder.cases[case_id].value.operation.label
        kinds = answer.headers.get("content-type", [""])
        if answer.status_code >= 400 and interaction.request.method != "HEAD" and kinds != [PROBLEM]:
            yield (label, "problem+json", str(answer.status_code)), f"{kinds} {answer.content[:200]!r}"
        for check in recorder.checks.get(case_id, ()):
            failed = check.failure_info
            if failed is not None and not _excluded(check.name, label, interaction):
                text = f"{failed.failure}\n{failed.code_sample}\n{answer.status_code} {answer.content[:600]!r}"
                yield (label, check.name, failed.failure.title), text


def _excluded(check: str, label: str, interaction: Any) -> bool:
    answer = interaction.response
    problem = {"status": answer.status_code, "detail": "", "uri": interaction.request.uri}
    if answer.headers.get("content-type", [""]) == [PROBLEM]:
        problem |= json.loads(answer.content)
    return any(one.check == check and one.applies(label, problem) for one in EXCLUSIONS)
