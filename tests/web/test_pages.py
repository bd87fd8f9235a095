"""The pages that Bharat serves to people: welcome, reference, problems."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import cast

import pytest
from falcon import testing

from bharat.contracts.provider import Capability
from bharat.contracts.route import Request
from bharat.web.reference import problem_kinds
from bharat.web.welcome import WelcomeFacts, welcome_routes
from tests.fixtures.application import OpenSite, Site
from tests.fixtures.distributions import Distributions

PAGES = ("/", "/docs", "/docs/problems", "/accept-invitation", "/reset-password")
# Elements that HTML closes by itself.
EMPTY = {"meta", "link", "br", "hr", "input"}


class Outline(HTMLParser):
    """What a page is made of: its links, ids, headings and what it loads; raises when elements aren't nested well."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "a":
            self.links.append(given["href"] or "")
        self.loads += [given[name] or "" for name in ("src", "href") if name in given and tag != "a"]
        if "id" in given:
            self.ids.append(given["id"] or "")
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def outline(client: testing.TestClient, path: str) -> Outline:
    return Outline(client.simulate_get(path).text)


@pytest.fixture
def shop(open_site: OpenSite) -> Site:
    return open_site("sample")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_html_under_a_policy_that_lets_it_load_our_stylesheet_alone(shop: Site, path: str) -> None:
    answer = shop.client.simulate_get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert Outline(answer.text).loads == ["/assets/pages.css"]


def test_the_stylesheet_knows_dark_screens_and_names_nobody_else(shop: Site) -> None:
    answer = shop.client.simulate_get("/assets/pages.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in answer.text
    assert "url(" not in answer.text
    assert "@import" not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_leads_to_a_page_and_a_place_in_it(shop: Site, path: str) -> None:
    for link in set(outline(shop.client, path).links):
        target, _, anchor = link.partition("#")
        answer = shop.client.simulate_get(target or path)
        assert answer.status_code == 200, link
        if anchor:
            assert anchor in Outline(answer.text).ids, link


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_main_heading_and_no_id_twice(shop: Site, path: str) -> None:
    found = outline(shop.client, path)
    assert (found.tags.count("h1"), found.tags.count("main"), found.tags.count("title")) == (1, 1, 1)
    assert len(found.ids) == len(set(found.ids))


def test_the_welcome_page_tells_mode_providers_and_plugins(open_site: OpenSite, distributions: Distributions) -> None:
    distributions.add(
        "shelf",
        """
        from bharat.cli.templates.cache import bharat_cache
        """,
    )
    site = open_site("sample", "shelf", BHARAT_CACHE__PROVIDER="new_plugin")
    text = site.client.simulate_get("/").text
    plain = re.sub(r"<[^>]+>", " ", text)
    assert "single node" in plain
    for capability in Capability:
        assert capability in plain
    assert re.search(r"cache\s+new_plugin\s+from shelf", plain)
    assert re.search(r"sample\s+site visits", plain)


def test_the_welcome_page_links_to_metrics_only_where_no_proxy_hides_them() -> None:
    def text(mode: str) -> str:
        (welcome, _) = welcome_routes(WelcomeFacts("1", mode, "http://crm.example", [], [], []), list)
        return str(welcome.handler(cast(Request, None)).body.decode())

    assert 'href="/metrics"' in text("single node")
    assert "/metrics" not in text("cluster")


def test_the_welcome_page_shows_commands_that_fit_this_installation(shop: Site) -> None:
    text = shop.client.simulate_get("/").text
    assert f"{shop.app.public_url}/api/v1/login" in text
    assert "bharat import site_visits your-file.csv --dry-run" in text


def test_the_welcome_page_names_three_things_to_try(shop: Site) -> None:
    text = shop.client.simulate_get("/").text
    assert text.partition("Three things to try")[2].count("<li>") == 3


def test_without_a_plugin_the_welcome_page_leads_to_the_list_of_plugins(site: Site) -> None:
    text = site.client.simulate_get("/").text
    assert "None yet." in text
    assert "bharat import" not in text


def test_the_reference_has_every_operation_of_the_openapi_document(shop: Site) -> None:
    ids = set(outline(shop.client, "/docs").ids)
    document = shop.client.simulate_get("/openapi.json").json
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert {f"operation-{one['operationId'].replace('_', '-')}" for one in operations} <= ids
    assert {f"tag-{one['tags'][0].replace('_', '-')}" for one in operations} <= ids


def test_the_reference_says_what_an_operation_needs_takes_and_answers(shop: Site) -> None:
    text = shop.client.simulate_get("/docs").text
    create = text.partition('id="operation-create-site-visit"')[2].partition("</details>")[0]
    assert "<code>site_visits:write</code>" in create
    assert "<code>Idempotency-Key</code>" in create
    assert 'href="#schema-' in create
    assert "201" in create


def operation(text: str, name: str) -> str:
    return text.partition(f'id="operation-{name}"')[2].partition("</details>")[0]


def test_the_reference_tells_what_a_login_is_needed_for(shop: Site) -> None:
    text = shop.client.simulate_get("/docs").text
    assert ">a login or an API key</a>" in operation(text, "list-site-visits")
    assert ">a login only</a>: an API key can&#x27;t do it" in operation(text, "create-api-key")
    assert "For everyone." in operation(text, "login")
    explained = text.partition('id="authentication"')[2].partition("</section>")[0]
    assert "Authorization: Bearer bh_" in explained
    assert f"{shop.app.public_url}/api/v1/login" in explained


def test_the_reference_shows_a_list_s_own_parameters_first_and_its_filters_by_field(shop: Site) -> None:
    text = operation(shop.client.simulate_get("/docs").text, "list-site-visits")
    names = re.findall(r'<th scope="row"><code>([^<]+)</code>', text)
    assert names[:6] == ["q", "sort", "fields", "limit", "cursor", "total"]
    assert not [name for name in names if "." in name]
    row = text.partition("<code>planned_on</code>")[2].partition("</tr>")[0]
    assert re.findall(r"<code>([^<]+)</code>", row) == ["=", ".ne", ".gt", ".gte", ".lt", ".lte", ".in"]


def test_the_reference_has_no_raw_markup_of_descriptions_and_tells_limits_in_words(shop: Site) -> None:
    text = shop.client.simulate_get("/docs").text
    assert "`" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)
    assert "<code>next_cursor</code>" in text
    assert "1\N{EN DASH}200 characters" in text
    assert "characters:" not in text


def test_every_problem_type_that_an_answer_names_is_explained(shop: Site) -> None:
    ids = set(outline(shop.client, "/docs/problems").ids)
    assert {slug for slug, *_ in problem_kinds()} <= ids
    for method, path in (("GET", "/nowhere"), ("PUT", "/"), ("GET", "/api/v1/site_visits"), ("GET", "/?x=1")):
        target = shop.client.simulate_request(method, path).json["type"]
        assert target.startswith("/docs/problems#")
        assert target.partition("#")[2] in ids


def test_every_status_that_an_operation_lists_has_a_problem_type(shop: Site) -> None:
    known = {status for _, status, *_ in problem_kinds()}
    paths = shop.client.simulate_get("/openapi.json").json["paths"]
    listed = {int(status) for path in paths.values() for one in path.values() for status in one["responses"]}
    assert {status for status in listed if status >= 400} <= known


def test_statuses_have_the_names_of_rfc_9110(shop: Site) -> None:
    text = shop.client.simulate_get("/docs/problems").text
    for said in ("HTTP 413 Content Too Large", "HTTP 416 Range Not Satisfiable", "HTTP 422 Unprocessable Content"):
        assert f'<p class="soft status">{said}</p>' in text
    responses = shop.client.simulate_get("/openapi.json").json["paths"]["/api/v1/site_visits"]["post"]["responses"]
    assert responses["413"]["description"] == "Content Too Large"
    assert responses["422"]["description"] == "Unprocessable Content"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/<b>%22", 404), ("/?x=1", 400), ("/storage/none", 400)]
)
def test_a_browser_that_goes_astray_gets_a_page_that_leads_home(shop: Site, path: str, status: int) -> None:
    path, _, query = path.partition("?")
    answer = shop.client.simulate_get(path, query_string=query or None, headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    assert answer.headers["vary"] == "Accept"
    assert "<b>" not in answer.text
    found = Outline(answer.text)
    assert "/" in found.links
    assert found.tags.count("h1") == 1


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html;q=0.5, application/json", "nonsense", ""]
)
def test_a_program_that_goes_astray_gets_a_problem(shop: Site, accept: str | None) -> None:
    answer = shop.client.simulate_get("/nowhere", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/api", "/api/nowhere", "/api/v1/site_visits"])
def test_the_api_answers_browsers_with_problems_too(shop: Site, path: str) -> None:
    answer = shop.client.simulate_get(path, headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "application/problem+json"
    assert "vary" not in answer.headers
