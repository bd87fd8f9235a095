"""Hostile input gets a clear 4xx and stores nothing."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import falcon.testing
import pytest

from bharat.contracts.principal import Role
from tests.fixtures.application import Caller
from tests.fixtures.links import fetched
from tests.security.stored import Stored

COMPANIES = "/api/v1/companies"
JSON = "application/json"
PROBLEM = "application/problem+json"
MEGABYTE = 1024 * 1024

Expect = Callable[..., falcon.testing.Result]


@pytest.fixture
def refused(admin: Caller) -> Expect:
    """Makes a call and holds that it was a 4xx, said as a problem, and that nothing was stored."""
    stored = Stored(admin.site)

    def expect(method: str, path: str, *statuses: int, **more: Any) -> falcon.testing.Result:
        before = stored.now()
        answer = admin.call(method, path, **more)
        assert answer.status_code in (statuses or range(400, 500)), answer.text[:500]
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json["status"] == answer.status_code
        assert answer.json["detail"]
        assert len(answer.content) < 10_000, "an error repeats what it was sent"
        assert stored.now() == before, "something was stored"
        return answer

    return expect


def company(**fields: Any) -> bytes:
    return json.dumps({"name": "Acme", **fields}).encode()


BODIES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "no JSON": (b"name=Acme", (400,)),
    "nothing": (b"", (400,)),
    "half an object": (b'{"name": "Ac', (400,)),
    "two values": (b'{"name": "A"} {"name": "B"}', (400,)),
    "a comment": (b'{"name": "A" /* x */}', (400,)),
    "single quotes": (b"{'name': 'A'}", (400,)),
    "a trailing comma": (b'{"name": "A",}', (400,)),
    "a list instead of an object": (b"[1, 2]", (422,)),
    "null": (b"null", (422,)),
    "a byte order mark": (b"\xef\xbb\xbf" + company(), (400,)),
    "UTF-16": (company().decode().encode("utf-16"), (400,)),
    "bad UTF-8": (b'{"name": "\xff\xfe"}', (400,)),
    "overlong UTF-8": (b'{"name": "\xc0\xaf"}', (400,)),
    "a surrogate in UTF-8": (b'{"name": "\xed\xa0\x80"}', (400, 422)),
    "bad UTF-8 in a name": (b'{"\xff": 1}', (400,)),
    "a raw NUL": (b'{"name": "A\x00"}', (400,)),
    "an escaped NUL": (b'{"name": "A\\u0000"}', (422,)),
    "a NUL in a name": (b'{"na\\u0000me": "A"}', (422,)),
    "a NUL in a custom field": (b'{"name": "A", "custom": {"x": "\\u0000"}}', (422,)),
    "a NUL in a custom field's name": (b'{"name": "A", "custom": {"x\\u0000": "y"}}', (422,)),
    "half a surrogate pair": (b'{"name": "\\ud800"}', (400, 422)),
    "the other half": (b'{"name": "\\udc00 x"}', (400, 422)),
    "halves the wrong way round": (b'{"name": "\\udc00\\ud800"}', (400, 422)),
    "half a pair in a name": (b'{"\\ud800": 1, "name": "A"}', (400, 422)),
    "half a pair in a custom field": (b'{"name": "A", "custom": {"x": "\\ud800"}}', (400, 422)),
    "control characters": (b'{"name": "A\\u0007\\u001b[31m"}', (422,)),
    "a line break in a line": (b'{"name": "A\\r\\nSet-Cookie: x=y"}', (422,)),
    "an unknown field": (company(nmae="B"), (422,)),
    "a field nobody may set": (company(organisation_id="01900000-0000-7000-8000-000000000001"), (422,)),
    "its own id": (company(id="01900000-0000-7000-8000-000000000001"), (422,)),
    "its own version": (company(version=7), (422,)),
    "its own author": (company(created_by=None), (422,)),
    "an unknown custom field": (company(custom={"unheard_of": "x"}), (422,)),
    "a custom field's name out of shape": (company(custom={"../x": "y"}), (422,)),
    "an object as a custom value": (company(custom={"x": {"y": 1}}), (422,)),
    "a name twice": (b'{"name": "A", "name": "B"}', (400,)),
    "a name twice, once escaped": (b'{"name": "A", "n\\u0061me": "B"}', (400,)),
    "a name twice, deeper": (b'{"name": "A", "custom": {"x": 1, "x": 2}}', (400, 422)),
    "NaN": (b'{"name": "A", "employees": NaN}', (400,)),
    "Infinity": (b'{"name": "A", "employees": -Infinity}', (400,)),
    "1e400": (b'{"name": "A", "employees": 1e400}', (400, 422)),
    "a number of 20 digits": (company(employees=10**19), (422,)),
    "a number of 5000 digits": (b'{"name": "A", "employees": ' + b"9" * 5000 + b"}", (400, 422)),
    "a number below its range": (company(employees=-1), (422,)),
    "a fraction for a whole number": (company(employees=1.5), (422,)),
    "a text for a number": (company(employees="1"), (422,)),
    "a number for a text": (company(name=1), (422,)),
    "a list for a text": (company(name=["A"]), (422,)),
    "a truth for a number": (company(employees=True), (422,)),
    "money as a number": (company(revenue=1.5, revenue_currency="EUR"), (422,)),
    "money in scientific notation": (company(revenue="1e3", revenue_currency="EUR"), (422,)),
    "money that is none": (company(revenue="NaN", revenue_currency="EUR"), (422,)),
    "money of too many digits": (company(revenue="9" * 30, revenue_currency="EUR"), (422,)),
    "money without a currency": (company(revenue="1"), (422,)),
    "a currency nobody has": (company(revenue="1", revenue_currency="XXZ"), (422,)),
    "digits of another script": (company(revenue="\u0661\u0662", revenue_currency="EUR"), (422,)),
    "a space as a name": (company(name=" \u00a0\u2003 "), (422,)),
    "a script as an address": (company(website="javascript:alert(1)"), (422,)),
    "a reference to nothing": (company(parent_id="01900000-0000-7000-8000-000000000001"), (422,)),
    "a reference that is no id": (company(parent_id="../../etc/passwd"), (422,)),
    "a reference that is SQL": (company(parent_id="x' OR '1'='1"), (422,)),
    "more than a field takes": (company(name="x" * 201), (422,)),
    "a text of 900 kB": (company(name="x" * 900_000), (422,)),
    "2 MB": (company(description="x" * 2 * MEGABYTE), (413,)),
    "10 MB": (company(description="x" * 10 * MEGABYTE), (413,)),
    "10 MB of spaces": (b" " * 10 * MEGABYTE + company(), (413,)),
    "100,000 lists deep": (b"[" * 100_000, (400, 422)),
    "100,000 lists deep, closed": (b"[" * 100_000 + b"]" * 100_000, (400, 422)),
    "100,000 objects deep": (b'{"custom":' * 90_000 + b"1" + b"}" * 90_000, (400, 422)),
    "50,000 deep in a custom value": (b'{"name": "A", "custom": {"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}", (400, 422)),
    "50,000 unknown fields": (json.dumps({f"f{n}": n for n in range(50_000)}).encode(), (422,)),
    "an unknown field of 900 kB": (json.dumps({"x" * 900_000: 1}).encode(), (422,)),
    "an unknown custom field of 900 kB": (company(custom={"x" * 900_000: 1}), (422,)),
    "20,000 custom fields": (company(custom={f"f{n}": n for n in range(20_000)}), (422,)),
}  # fmt: skip


@pytest.mark.parametrize(("body", "statuses"), list(BODIES.values()), ids=list(BODIES))
def test_a_hostile_body_is_refused(refused: Expect, body: bytes, statuses: tuple[int, ...]) -> None:
    refused("POST", COMPANIES, *statuses, body=body, headers={"Content-Type": JSON})


def test_a_hostile_body_is_refused_everywhere(admin: Caller, refused: Expect) -> None:
    """What every endpoint with a body has in common, at those of accounts, custom fields, bulk changes and logins too."""
    made = admin.post(COMPANIES, {"name": "Acme"}).json["id"]
    places = [
        ("POST", f"{COMPANIES}/bulk"), ("PATCH", f"{COMPANIES}/{made}"), ("POST", "/api/v1/users"), ("POST", "/api/v1/teams"),
        ("PATCH", f"/api/v1/users/{admin.user_id}"), ("POST", "/api/v1/invitations"), ("POST", "/api/v1/custom-fields"),
        ("PATCH", "/api/v1/organisation"), ("POST", "/api/v1/login"), ("POST", "/api/v1/password-resets"),
        ("POST", "/api/v1/password-resets/confirm"), ("POST", "/api/v1/invitations/accept"), ("PUT", "/api/v1/me/password"),
        ("POST", "/api/v1/api-keys"),
    ]  # fmt: skip
    text = {
        "name": "\ud800", "email": "\ud800@x.example", "password": "\ud800", "token": "\ud800", "current_password": "\ud800",
        "new_password": "\ud800", "label": "\ud800", "scopes": ["\ud800"],
    }  # fmt: skip
    hostile = [
        b"[" * 50_000, b'{"name": "\xff"}', b'{"a": 1, "a": 2}', b'{"name": "\\u0000"}', b'{"unheard of": 1}', b"NaN",
        b'"text"', company(description="x" * 2 * MEGABYTE), json.dumps(text).encode(),
    ]  # fmt: skip
    for method, path in places:
        for body in hostile:
            refused(method, path, body=body, headers={"Content-Type": JSON, "If-Match": "*"})


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/teams", "/api/v1/organisation", "/api/v1/custom-fields"])
def test_half_a_surrogate_pair_is_refused_in_every_name(refused: Expect, path: str) -> None:
    body = b'{"name": "x\\ud800"}'
    if path.endswith("custom-fields"):
        body = b'{"record_type": "company", "name": "a", "kind": "text", "label": "x\\ud800"}'
    method = "PATCH" if path.endswith("organisation") else "POST"
    refused(method, path, 400, 422, body=body, headers={"Content-Type": JSON})


@pytest.mark.parametrize(
    "content_type",
    [
        "", "text/plain", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
        "application/jsonp", "application/json-seq", "text/json", "json", "application/json\ttext/plain", "*/*", "x" * 5000,
    ],
)  # fmt: skip
def test_a_body_of_another_content_type_is_refused(refused: Expect, content_type: str) -> None:
    refused("POST", COMPANIES, 415, body=company(), headers={"Content-Type": content_type})


def test_a_form_that_is_json_is_refused(refused: Expect) -> None:
    """What a browser's form can send without asking first."""
    refused("POST", COMPANIES, 415, body=b'{"name": "A", "x": "=1"}', headers={"Content-Type": "text/plain"})


QUERIES = {
    "bad UTF-8": "name=%ff",
    "bad UTF-8 in a name": "%ff=1",
    "a NUL": "name=a%00b",
    "a NUL in a name": "name%00=a",
    "an unknown parameter": "nmae=A",
    "a parameter twice": "name=A&name=B",
    "a parameter twice, once escaped": "name=A&n%61me=B",
    "SQL in a sort": "sort=name;DROP TABLE users",
    "SQL in a field": "fields=name,(select password_hash from credentials)",
    "a column nobody may sort by": "sort=search_text",
    "a column nobody may see": "fields=organisation_id",
    "a parameter named like a column": "organisation_id=01900000-0000-7000-8000-000000000001",
    "an operator nobody has": "name.regex=.*",
    "an operator that is an attribute": "name.__class__=x",
    "a hostile custom field": "custom.x')%20OR%20('1'='1=y",
    "a custom field that is none": "custom.=x",
    "an id that is SQL": "id=x'%20OR%20'1'='1",
    "a limit of zero": "limit=0",
    "a negative limit": "limit=-1",
    "a huge limit": "limit=99999999999999999999",
    "a limit of other digits": "limit=%D9%A1",
    "a limit in scientific notation": "limit=1e2",
    "a number that is none": "employees.gt=NaN",
    "a huge number": "employees.gt=" + "9" * 400,
    "a wide number": "employees=%EF%BC%91",
    "null": "parent_id=null",
    "a number as a moment": "created_at.gt=12",
    "a moment without a zone": "created_at.gt=2026-01-01T00:00:00",
    "a moment that is none": "created_at.gt=2026-02-30T00:00:00Z",
    "a moment out of reach": "created_at.gt=0001-01-01T00:00:00%2B14:00",
    "too many words": "q=" + "+".join("abcdefghij"),
    "a long search": "q=" + "x" * 5000,
    "a long value": "name=" + "x" * 7000,
    "a value that is too long for its field": "name.prefix=" + "x" * 300,
    "too many values": "id.in=" + ",".join(["01900000-0000-7000-8000-000000000001"] * 101),
    "too many sorts": "sort=name,sector,employees,id",
    "a method": "_method=DELETE",
    "an empty cursor": "cursor=",
    "a long cursor": "cursor=" + "A" * 5000,
    "a cursor of other bytes": "cursor=%F0%9F%98%80",
    "a cursor that is a pickle": "cursor=" + base64.b64encode(b"\x80\x04cposix\nsystem\n").decode(),
}


@pytest.mark.parametrize("query", list(QUERIES.values()), ids=list(QUERIES))
def test_a_hostile_query_is_refused(refused: Expect, query: str) -> None:
    refused("GET", COMPANIES, 400, query_string=query)


@pytest.mark.parametrize("path", [f"{COMPANIES}/totals", f"{COMPANIES}/export"])
def test_totals_and_exports_refuse_the_same(refused: Expect, path: str) -> None:
    for query in ("nmae=A", "name=%ff", "name=a%00b", "name=A&name=B", "id=x", "custom.x=1", "deleted=yes"):
        refused("GET", path, 400, query_string=query)


@pytest.mark.parametrize(
    "path", ["/api/v1/users", "/api/v1/teams", "/api/v1/audit", "/api/v1/invitations", "/api/v1/api-keys"]
)
def test_lists_of_the_platform_refuse_the_same(refused: Expect, path: str) -> None:
    for query in (
        "x=1",
        "limit=0",
        "limit=201",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=%00",
        "cursor=%ff",
        "cursor=null",
    ):
        refused("GET", path, 400, query_string=query)


def test_a_tampered_cursor_is_refused(admin: Caller, refused: Expect) -> None:
    for number in range(3):
        admin.post(COMPANIES, {"name": f"Company {number}"})
    cursor = admin.get(COMPANIES, query_string="limit=1&sort=name").json["next_cursor"]
    assert admin.get(COMPANIES, query_string=f"limit=1&sort=name&cursor={cursor}").status_code == 200
    changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]
    for text in [*changed, cursor[:-1], cursor + "A", cursor + "=", cursor.swapcase(), cursor[::-1], ""]:
        refused("GET", COMPANIES, 400, query_string=f"limit=1&sort=name&cursor={quote(text)}")
    refused("GET", COMPANIES, 400, query_string=f"limit=1&sort=-name&cursor={cursor}")
    refused("GET", COMPANIES, 400, query_string=f"limit=1&sort=name&name.prefix=c&cursor={cursor}")
    refused("GET", "/api/v1/contacts", 400, query_string=f"limit=1&sort=name&cursor={cursor}")


def test_another_organisations_cursor_is_refused(admin: Caller, refused: Expect) -> None:
    stranger = admin.site.user(admin.site.organisation(f"globex-{admin.organisation_id.hex}"[:60]), Role.ADMIN)
    for number in range(2):
        stranger.post(COMPANIES, {"name": f"Company {number}"})
    cursor = stranger.get(COMPANIES, query_string="limit=1").json["next_cursor"]
    refused("GET", COMPANIES, 400, query_string=f"limit=1&cursor={cursor}")


PATHS = [
    f"{COMPANIES}/..%2fusers", f"{COMPANIES}/%2e%2e/users", f"{COMPANIES}/../users", f"{COMPANIES}/..\\users",
    f"{COMPANIES}/%00", f"{COMPANIES}/%ff", f"{COMPANIES}/null", f"{COMPANIES}/' OR 1=1 --", f"{COMPANIES}//", f"{COMPANIES}/",
    f"{COMPANIES}/{'a' * 5000}", f"{COMPANIES}/{{01900000-0000-7000-8000-000000000001}}", f"{COMPANIES}/1",
    f"{COMPANIES}/01900000-0000-7000-8000-00000000000g", f"{COMPANIES}/０1900000-0000-7000-8000-000000000001",
    "/api/v1/me/sessions/..%2f..%2fx", "/api/v1/%2e%2e/openapi.json", "/API/V1/COMPANIES", "/api/v1/companies;x=1",
    "/storage/../../etc/passwd", "/storage/..%2f..%2fetc%2fpasswd", "/storage/a%00b", "/storage/a\\..\\b", "/storage//etc/passwd",
    "/storage/C:/x", "/storage/.", "/storage/%ff",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_hostile_path_leads_nowhere(refused: Expect, path: str) -> None:
    for method in ("GET", "DELETE"):
        query = "expires=99999999999999&signature=x" if path.startswith("/storage") else ""
        refused(method, path, 400, 403, 404, 405, query_string=query, headers={"If-Match": "*"})


HEADERS = {
    "an If-Match that is none": ({"If-Match": "1"}, (400,)),
    "an If-Match of SQL": ({"If-Match": '"1" OR "1"="1"'}, (400,)),
    "an If-Match of a million versions": ({"If-Match": ",".join(['"9"'] * 2000)}, (412,)),
    "an If-Match of a huge version": ({"If-Match": f'"{"9" * 4000}"'}, (412,)),
    "an If-Match of other digits": ({"If-Match": '"\xb2"'}, (400, 412)),
    "a weak If-Match": ({"If-Match": 'W/"1"'}, (412,)),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "statuses"), list(HEADERS.values()), ids=list(HEADERS))
def test_a_hostile_precondition_is_refused(
    admin: Caller, refused: Expect, headers: dict[str, str], statuses: tuple[int, ...]
) -> None:
    made = admin.post(COMPANIES, {"name": "Acme"}).json["id"]
    for method, body in (("PATCH", b'{"name": "B"}'), ("DELETE", None)):
        refused(method, f"{COMPANIES}/{made}", *statuses, body=body, headers={"Content-Type": JSON, **headers})


@pytest.mark.parametrize("key", ["a b", "a\tb", "a\x7fb", "\xe9", "x" * 256, "a\r\nSet-Cookie: x=y", "a\0b"])
def test_a_hostile_idempotency_key_is_refused(refused: Expect, key: str) -> None:
    refused("POST", COMPANIES, 400, body=company(), headers={"Content-Type": JSON, "Idempotency-Key": key})


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer", "Bearer ", "Bearer \xff", "Bearer a b", "Bearer bh_" + "A" * 64, "Bearer bh_" + "A" * 100_000, "Basic YTpi",
        "Bearer bh_" + "/" * 64, "Digest x", "bearer\tx", "Bearer x' OR '1'='1", "Bearer bh_\x00" + "A" * 63,
    ],
)  # fmt: skip
def test_hostile_credentials_are_nobodys(refused: Expect, credentials: str) -> None:
    refused("GET", COMPANIES, 401, headers={"Authorization": credentials})


@pytest.mark.parametrize(
    "cookie",
    ["bharat_session=", "bharat_session=\xff", "bharat_session=" + "A" * 8000, "bharat_session=a;bharat_session=b"],
)
def test_a_hostile_cookie_is_nobodys(admin: Caller, cookie: str) -> None:
    answer = admin.site.client.simulate_get(COMPANIES, headers={"Cookie": cookie})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
def test_no_header_turns_one_method_into_another(admin: Caller, header: str) -> None:
    made = admin.post(COMPANIES, {"name": "Acme"}).json["id"]
    assert admin.get(f"{COMPANIES}/{made}", headers={header: "DELETE", "If-Match": "*"}).status_code == 200
    assert admin.post(f"{COMPANIES}/{made}/restore", headers={header: "DELETE", "If-Match": "*"}).status_code == 200
    assert admin.get(f"{COMPANIES}/{made}").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PATCH", "DELETE", "POST"])
def test_a_method_that_an_endpoint_lacks_is_refused(refused: Expect, method: str) -> None:
    refused(method, f"{COMPANIES}/totals", 405)


SQL = [
    "'; DROP TABLE users; --",
    "' OR '1'='1",
    '" OR ""="',
    "1; SELECT pg_sleep(10)",
    "%' ESCAPE '",
    "\\'; --",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", SQL)
def test_what_means_something_elsewhere_is_only_text(admin: Caller, text: str) -> None:
    made = admin.post(COMPANIES, {"name": text})
    assert (made.status_code, made.json["name"]) == (201, text)
    assert admin.get(COMPANIES, params={"name": text}).json["items"][0]["id"] == made.json["id"]
    assert admin.get(COMPANIES, params={"name.prefix": text}).json["items"][0]["id"] == made.json["id"]
    assert admin.get(COMPANIES, params={"name": f"{text}x"}).json["items"] == []


@pytest.mark.parametrize("word", ["%", "_", "\\", "%%%", "a%z"])
def test_a_search_takes_no_wildcards(admin: Caller, word: str) -> None:
    admin.post(COMPANIES, {"name": "abcz"})
    assert admin.get(COMPANIES, params={"q": word}).json["items"] == []


FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(1)",
    "\uff1d1",
    "\uff0b1",
    "'=1",
    "''=1",
    '=HYPERLINK("http://x","y")',
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_exported_cell_is_a_formula(admin: Caller, text: str) -> None:
    admin.post("/api/v1/custom-fields", {"record_type": "company", "name": "note", "kind": "text"})
    parent = admin.post(COMPANIES, {"name": text, "sector": text, "custom": {"note": text}}).json["id"]
    admin.post(COMPANIES, {"name": "child", "parent_id": parent, "description": f"line\n{text}"})
    exported = admin.get(f"{COMPANIES}/export").text
    cells = [cell for line in csv.reader(io.StringIO(exported)) for cell in line]
    assert text in "".join(cells)
    assert [
        cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    ] == []


def test_hostile_files_are_refused(refused: Expect) -> None:
    files = {
        "nothing": b"",
        "spaces": b"   \n  \n",
        "a column twice": b"name,name\nA,B\n",
        "no such column": b"nmae\nA\n",
        "a quote without end": b'name\n"A\n',
        "a ZIP": b"PK\x03\x04" + bytes(range(256)) * 4,
        "too many rows": b"name\n" + b"A\n" * 5001,
        "too large": b"name\n" + b"A" * 6 * MEGABYTE,
        "100,000 columns": ",".join(f"c{n}" for n in range(100_000)).encode(),
    }
    for name, raw in files.items():
        answer = refused("POST", f"{COMPANIES}/import", body=raw, headers={"Content-Type": "text/csv"})
        assert answer.status_code in (400, 413, 422), name
    for content_type in ("application/json", "text/plain", "application/zip", ""):
        refused("POST", f"{COMPANIES}/import", 415, body=b"name\nA\n", headers={"Content-Type": content_type})


def test_hostile_rows_are_told_and_not_stored(admin: Caller) -> None:
    rows = [b'"A\x07"', b"x" * 300, b"", b'" "', b"\xff\xfe", b"A\x00B"]
    raw = b"name,sector\n" + b"".join(row + b",s\n" for row in rows)
    answer = admin.call("POST", f"{COMPANIES}/import", body=raw, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200
    assert (answer.json["created"], answer.json["rejected"]) == (0, len(rows))
    assert admin.get(f"{COMPANIES}/totals").json["count"] == 0


def test_nothing_echoed_breaks_out_of_its_header(admin: Caller) -> None:
    hostile = "x\r\nSet-Cookie: stolen=1"
    for headers in ({"X-Request-ID": hostile}, {"Origin": hostile}, {"User-Agent": hostile}, {"Accept": hostile}):
        answer = admin.get(COMPANIES, headers=headers)
        assert "stolen" not in str(answer.headers)
    answer = admin.get("/api/v1/no-such-thing", query_string="x=%0d%0aSet-Cookie:%20stolen=1")
    assert "stolen" not in str(answer.headers)


def test_a_files_name_stays_within_its_header(admin: Caller) -> None:
    from datetime import timedelta

    app = admin.site.app
    app.storage.put("files/a.txt", [b"a"], content_type="text/plain")
    for name in ('a"; filename="b', "a\r\nSet-Cookie: x=y", "../../etc/passwd", "..\\a", "a\x00b", "\U0001f600.txt"):
        url = app.storage.presign_get("files/a.txt", expires=timedelta(hours=1), filename=name)
        answer = fetched(admin.site.client, url)
        if answer.status == 400:
            continue
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment; ")
        assert not set(disposition.split('filename="')[1].split('"')[0]) & set('\r\n\0/\\"')


@pytest.fixture(autouse=True)
def no_server_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client sends is an unforeseen error."""
    yield
    assert [
        record.getMessage() for record in caplog.records if record.name == "bharat.web" and record.levelname == "ERROR"
    ] == []
