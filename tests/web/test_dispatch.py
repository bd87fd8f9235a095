"""What every endpoint does before and after its handler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from falcon import testing

from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import Role
from bharat.contracts.route import Authenticated, Cookie, Request, Response, Route, Stream
from bharat.data.audit import audit_entries, audit_row, write_audit
from bharat.web.dispatch import Dispatcher, Endpoint, WebOptions
from bharat.web.metrics import Metrics
from bharat.web.reference import problem_kinds
from bharat.web.request import RequestReader, WebRequest
from bharat.web.wsgi import falcon_app
from tests.fixtures.application import PUBLIC_URL, Caller, OpenSite, Site

VISITS = "/api/v1/site_visits"
BODY = {"subject": "Survey", "planned_on": "2026-03-01"}


def slug(answer: Any) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    return str(answer.json["type"].rpartition("#")[2])


def test_an_unknown_path_is_a_problem(site: Site) -> None:
    answer = site.client.simulate_get("/nothing/here")
    assert (answer.status_code, slug(answer)) == (404, "not-found")


def test_an_unknown_method_says_what_is_allowed(admin: Caller) -> None:
    answer = admin.call("PUT", VISITS)
    assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]


def test_every_type_of_problem_has_one_title(admin: Caller, site: Site) -> None:
    titles = {slug: title for slug, _, title, _ in problem_kinds()}
    unrouted, foreign = site.client.simulate_get("/nothing/here"), admin.get(f"{VISITS}/{uuid4()}")
    for answer in (unrouted, foreign, admin.get(f"{VISITS}/no-uuid"), admin.call("PUT", VISITS)):
        assert answer.json["title"] == titles[slug(answer)]


def test_an_id_that_is_none_is_not_called_a_wrong_endpoint(admin: Caller) -> None:
    detail = admin.get(f"{VISITS}/no-uuid").json["detail"]
    assert f"no such endpoint or record: GET {VISITS}/no-uuid" in detail


def test_a_call_without_credentials_is_asked_for_some(shop: Site) -> None:
    answer = shop.client.simulate_get(VISITS)
    assert (answer.status_code, slug(answer)) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", ["Bearer bh_wrong", "Bearer ", "Basic YTpi", "bh_wrong", "Bearer \x7f"])
def test_wrong_credentials_are_never_taken_for_none(shop: Site, value: str) -> None:
    for path in (VISITS, "/api/v1/me"):
        assert shop.client.simulate_get(path, headers={"Authorization": value}).status_code == 401


def test_a_dead_cookie_does_not_keep_anybody_from_public_pages(shop: Site) -> None:
    cookie = {"Cookie": "bharat_session=dead"}
    assert shop.client.simulate_get("/livez", headers=cookie).status_code == 200
    assert shop.client.simulate_get(VISITS, headers=cookie).status_code == 401


def test_another_sites_page_can_change_nothing(admin: Caller) -> None:
    refused = admin.post(VISITS, BODY, headers={"Origin": "https://evil.example"})
    assert (refused.status_code, slug(refused)) == (403, "forbidden")
    assert admin.post(VISITS, BODY, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert admin.post(VISITS, BODY, headers={"Origin": PUBLIC_URL}).status_code == 201
    assert admin.get(VISITS, headers={"Origin": "https://evil.example"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://a]b"])
def test_what_is_no_origin_is_no_page_of_ours(admin: Caller, shop: Site, origin: str) -> None:
    answer = admin.post(VISITS, BODY, headers={"Origin": origin})
    assert (answer.status_code, slug(answer)) == (403, "forbidden")
    assert shop.client.simulate_post("/api/v1/login", json={}, headers={"Origin": origin}).status_code == 403


def test_a_body_of_another_content_type_is_refused(admin: Caller) -> None:
    answer = admin.call("POST", VISITS, body="subject=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")


def test_a_body_over_the_limit_is_refused(admin: Caller) -> None:
    answer = admin.post(VISITS, {**BODY, "notes": "x" * (1024 * 1024)})
    assert (answer.status_code, slug(answer)) == (413, "too-large")


def test_a_missing_body_is_malformed(admin: Caller) -> None:
    answer = admin.call("POST", VISITS, headers={"Content-Type": "application/json"})
    assert (answer.status_code, slug(answer)) == (400, "malformed-request")


def test_an_unknown_query_parameter_is_refused(admin: Caller) -> None:
    answer = admin.get("/api/v1/me?verbose=1")
    assert (answer.status_code, answer.json["errors"]) == (400, [{"path": "?verbose", "detail": "unknown parameter"}])


def test_head_answers_as_get_without_a_body(admin: Caller) -> None:
    answer = admin.call("HEAD", VISITS)
    assert (answer.status_code, answer.content) == (200, b"")


def test_answers_carry_headers_that_make_browsers_careful(admin: Caller) -> None:
    headers = admin.get(VISITS).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_request_id_is_taken_from_a_trusted_proxy_only(shop: Site) -> None:
    given = {"X-Request-ID": "from-the-proxy-1"}
    assert shop.client.simulate_get("/livez", headers=given).headers["X-Request-ID"] != "from-the-proxy-1"


def test_readiness_follows_the_migrations_and_the_draining(site: Site) -> None:
    assert site.client.simulate_get("/readyz").status_code == 200
    site.app.readiness.draining = True
    assert site.client.simulate_get("/readyz").status_code == 503


def test_an_unforeseen_error_says_nothing_of_itself(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(admin.site.app.accounts.authenticator), "by_api_key", lambda *_: 1 / 0)
    answer = admin.get(VISITS)
    assert (answer.status_code, slug(answer)) == (500, "internal-error")
    assert "division" not in answer.text
    # What a handler did in units of its own, or in another store, is not taken back: nothing is said of it.
    assert answer.json["detail"] == "The error was logged under this request id."


def test_metrics_count_by_route_and_not_by_id(admin: Caller) -> None:
    made = admin.post(VISITS, BODY).json["id"]
    admin.get(f"{VISITS}/{made}")
    page = admin.site.client.simulate_get("/metrics").text
    assert 'route="/api/v1/site_visits/{id:uuid}",status="200"} 1' in page
    assert made not in page


def plain_route(handler: Any, **more: Any) -> Route:
    return Route(
        method=more.pop("method", "POST"), path="/probe", handler=handler, access=more.pop("access", Authenticated()),
        summary="probe", tag="probe", operation_id="probe", **more,
    )  # fmt: skip


def mounted(site: Site, route: Route, public_url: str = PUBLIC_URL) -> None:
    """Serve `route` beside the site's own."""
    dispatcher = Dispatcher(
        site.app, WebOptions(public_url, 1024), site.app.accounts.authenticator, site.app.permissions
    )
    site.client = testing.TestClient(
        falcon_app(dispatcher, [*(each.item for each in site.app.routes()), route], Metrics())
    )


def test_an_answer_that_cannot_be_sent_follows_no_change(admin: Caller) -> None:
    """The protected lines encode the answer before the unit commits."""

    def write_and_answer_nonsense(request: Request) -> object:
        write_audit(request.unit, audit_row(request.unit, request.unit.at, "probed", "probe", None, {}))
        return object()

    mounted(admin.site, plain_route(write_and_answer_nonsense, returns=dict))
    assert admin.post("/probe").status_code == 500
    entries = admin.get("/api/v1/audit").json["items"]
    assert all(entry["action"] != "probed" for entry in entries)


UNSENDABLE = [
    Response({}, headers={"X-Probe": "a\r\nSet-Cookie: b"}),
    Response({}, headers={"X Probe": "a"}),
    Response({}, headers={"X-Probe": "नमस्ते"}),
    Response({}, headers={"Set-Cookie": "a"}),
    Response({}, content_type="text/plain\n"),
    Response({}, cookies=[Cookie("a b", "c")]),
    Response({}, cookies=[Cookie("a", "न")]),
    Response({}, cookies=[Cookie("bharat_session", "a session of somebody's choice")]),
]


def a_change_with_an_unsendable_answer(admin: Caller, answer: Response) -> None:
    def write_and_answer(request: Request) -> Response:
        write_audit(request.unit, audit_row(request.unit, request.unit.at, "probed", "probe", None, {}))
        return answer

    mounted(admin.site, plain_route(write_and_answer, returns=dict))
    assert admin.post("/probe").status_code == 500
    entries = admin.get("/api/v1/audit").json["items"]
    assert all(entry["action"] != "probed" for entry in entries)


def test_headers_and_cookies_that_cannot_be_sent_follow_no_change(admin: Caller) -> None:
    """Protected: `Endpoint._refuse_unsendable` is called before the unit commits."""
    for answer in UNSENDABLE:
        a_change_with_an_unsendable_answer(admin, answer)


def test_mutant_that_looks_at_headers_when_it_sends_them_has_made_the_change(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "_refuse_unsendable", lambda *_: None)
    with pytest.raises(AssertionError):
        a_change_with_an_unsendable_answer(admin, UNSENDABLE[-3])


def test_a_cookie_of_a_plugins_is_bound_to_the_host_over_https(admin: Caller) -> None:
    route = plain_route(lambda _: Response({}, cookies=[Cookie("colour", "green")]), returns=dict)
    mounted(admin.site, route)
    assert "colour" in admin.post("/probe").cookies
    mounted(admin.site, route, public_url="https://crm.example")
    cookie = admin.post("/probe").cookies["__Host-colour"]
    assert (cookie.secure, cookie.http_only, cookie.path) == (True, True, "/")


@pytest.mark.parametrize("fault", ["a HEAD", "a status without a body", "a commit that fails"])
def test_chunks_that_are_not_sent_are_closed(admin: Caller, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file opened for them would be. The protected lines call `_close` in `Endpoint._send` and `Endpoint.respond`."""
    closed: list[bool] = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    def handler(request: Request) -> Response:
        begun = chunks()
        next(begun)
        return Response(chunks=begun, status=204 if fault == "a status without a body" else None)

    method = "HEAD" if fault == "a HEAD" else "GET"
    mounted(admin.site, replace(plain_route(handler, returns=Stream(("text/plain",))), method="GET"))
    if fault == "a commit that fails":
        monkeypatch.setattr(WebRequest, "finish", lambda _: 1 / 0)
    admin.call(method, "/probe")
    assert closed == [True]


def test_a_streamed_body_cannot_begin_a_unit_that_nobody_ends(admin: Caller) -> None:
    def streamed(request: Request) -> Response:
        def chunks() -> Iterator[bytes]:
            yield b"a"
            request.unit.at  # noqa: B018 - asking is what is refused

        return Response(chunks=chunks())

    mounted(admin.site, plain_route(streamed, returns=Stream(("text/plain",))))
    with pytest.raises(RuntimeError, match="has ended"):
        admin.post("/probe")
    assert admin.post(VISITS, BODY).status_code == 201


def writes_and_reads(site: Site) -> None:
    """Serve `/probe`, which reads what it has written, by a reader that it got before and one that it got after."""

    def handler(request: Request) -> dict[str, int]:
        before = request.reader
        write_audit(request.unit, audit_row(request.unit, request.unit.at, "probed", "probe", None, {}))
        probed = sa.select(sa.func.count()).where(audit_entries.c.action == "probed")
        prepared = request.app.database.prepare(probed)
        return {"before": before.scalar(probed), "after": request.reader.scalar(prepared)}

    mounted(site, plain_route(handler, returns=dict[str, int]))


def test_a_request_reads_what_it_has_written_on_the_one_connection_it_has(open_site: OpenSite) -> None:
    """Protected: `RequestReader.within` is the open unit."""
    site = open_site("sample", BHARAT_DATABASE__POOL_SIZE="1")
    admin = site.user(site.organisation("acme"), Role.ADMIN)
    site.app.database.engine.pool._timeout = 0.2  # type: ignore[attr-defined]
    writes_and_reads(site)
    assert admin.post("/probe").json == {"before": 1, "after": 1}


def test_mutant_that_reads_outside_of_the_unit_waits_for_a_second_connection(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RequestReader, "within", property(lambda reader: reader._outside))
    with pytest.raises(AssertionError):
        test_a_request_reads_what_it_has_written_on_the_one_connection_it_has(open_site)


def test_mutant_that_reads_outside_of_the_unit_does_not_see_its_writes(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RequestReader, "within", property(lambda reader: reader._outside))
    writes_and_reads(admin.site)
    assert admin.post("/probe").json == {"before": 0, "after": 0}


def test_what_counts_goes_before_the_unit_with_and_without_a_key(admin: Caller) -> None:
    """`Route.before`: inside the unit the database's counters would wait for the writer that holds it."""

    def count(request: Request) -> None:
        request.app.limits.hit("probe", limit=10, window=timedelta(minutes=1))

    def write(request: Request) -> dict[str, str]:
        write_audit(request.unit, audit_row(request.unit, request.unit.at, "probed", "probe", None, {}))
        return {}

    mounted(admin.site, plain_route(write, before=count, returns=dict[str, str]))
    assert admin.post("/probe").status_code == 200
    assert admin.post("/probe", headers={"Idempotency-Key": "k1"}).status_code == 200
    assert admin.site.app.limits.peek("probe", limit=10).remaining == 8


def test_public_routes_answer_while_the_stores_of_credentials_are_away(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(type(admin.site.app.accounts.authenticator), "by_api_key", away)
    assert admin.get("/livez").status_code == 200
    assert admin.get("/openapi.json").status_code == 200
    assert admin.get(VISITS).status_code == 503


def test_a_method_of_ones_own_is_counted_as_other(site: Site) -> None:
    environ = testing.create_environ("/livez")
    environ["REQUEST_METHOD"] = "FOO1"
    site.client.app(environ, lambda *_: lambda _: None)
    page = site.client.simulate_get("/metrics").text
    assert "FOO1" not in page
