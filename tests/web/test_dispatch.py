"""What every endpoint does before and after its handler."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.application import PUBLIC_URL, Caller, Site

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


def test_health_names_its_parts_and_readiness_follows_the_migrations(site: Site) -> None:
    assert site.client.simulate_get("/api/health").json["status"] == "ok"
    assert site.client.simulate_get("/readyz").status_code == 200
    site.app.readiness.draining = True
    assert site.client.simulate_get("/readyz").status_code == 503


def test_an_unforeseen_error_says_nothing_of_itself(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(admin.site.app.accounts.authenticator), "by_api_key", lambda *_: 1 / 0)
    answer = admin.get(VISITS)
    assert (answer.status_code, slug(answer)) == (500, "internal-error")
    assert "division" not in answer.text


def test_metrics_count_by_route_and_not_by_id(admin: Caller) -> None:
    made = admin.post(VISITS, BODY).json["id"]
    admin.get(f"{VISITS}/{made}")
    page = admin.site.client.simulate_get("/metrics").text
    assert 'route="/api/v1/site_visits/{id:uuid}",status="200"} 1' in page
    assert made not in page
