"""Every route belongs to a plugin and says who may call it; what anyone may call is on a list that was read by people."""

from __future__ import annotations

from collections.abc import Mapping

import falcon.inspect
import pytest

from bharat.contracts.route import Authenticated, Needs, Public, Route
from bharat.plugins.items import Owned
from tests.fixtures.application import OpenSite, Site
from tests.security.served import routes_of

PUBLIC: Mapping[str, str] = {
    "livez": "a balancer has no credentials; it says only that the process answers",
    "readyz": "a balancer has no credentials; it says which part is not ready",
    "health": "a monitor has no credentials; it tells states, no data",
    "metrics_page": "scraped inside the private network; the edge does not pass it on; counts, no data",
    "openapi": "it describes the API, not its data",
    "api_reference": "it describes the API, not its data",
    "problem_types": "it describes errors that anybody may meet",
    "welcome": "what a browser finds at the address; names of parts, no data",
    "pages_css": "the stylesheet of public pages",
    "login": "it is how somebody becomes known; attempts are budgeted",
    "logout": "taking the cookie away must succeed for a session that has ended too",
    "ask_password_reset": "who forgot the password can't log in; the answer is the same for every address",
    "confirm_password_reset": "the token from the mail is the proof",
    "reset_password_page": "a page without data that the mail links to",
    "accept_invitation": "who is invited has no login yet; the token from the mail is the proof",
    "accept_invitation_page": "a page without data that the mail links to",
    "receive_webhook": "the signature, made with a secret that the sender shares with this endpoint, is the permission",
    "storage_download": "the signature, which names this file and expires, is the permission",
    "storage_upload": "the signature, which names this file, its type and size and expires, is the permission",
}
"""Operation -> why it needs nobody's name. A route that is not on it must ask for credentials."""

ONESELF = frozenset(
    {
        "read_me", "list_own_sessions", "end_own_session", "end_other_sessions", "change_password", "list_api_keys",
        "create_api_key", "revoke_api_key",
    }
)  # fmt: skip
"""Operations that any known caller may use, for what concerns only itself."""

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
def site(open_site: OpenSite) -> Site:
    return open_site("crm", "sample")


@pytest.fixture
def routes(site: Site) -> Mapping[str, Owned[Route]]:
    return routes_of(site)


def test_every_route_belongs_to_an_enabled_plugin(site: Site, routes: Mapping[str, Owned[Route]]) -> None:
    owners = {owned.plugin for owned in routes.values()}
    assert owners <= {*site.app.plugins.names, "web"}
    assert {"crm", "sample", "accounts", "records", "local", "web"} <= owners


def test_nothing_is_served_that_is_no_route(site: Site, routes: Mapping[str, Owned[Route]]) -> None:
    declared: set[tuple[str, str]] = {(owned.item.path, owned.item.method) for owned in routes.values()}
    declared |= {(path, "HEAD") for path, method in declared if method == "GET"}
    served = {
        (route.path, method.method)
        for route in falcon.inspect.inspect_routes(site.app.wsgi())
        for method in route.methods
        if not method.internal
    }
    assert served == declared


def test_every_route_is_in_the_api_document(site: Site, routes: Mapping[str, Owned[Route]]) -> None:
    paths = site.client.simulate_get("/openapi.json").json["paths"]
    described = {operation["operationId"] for methods in paths.values() for operation in methods.values()}
    assert described == routes.keys()


def test_a_public_route_is_on_the_list_with_its_reason(routes: Mapping[str, Owned[Route]]) -> None:
    public = {name: owned.item for name, owned in routes.items() if isinstance(owned.item.access, Public)}
    assert public.keys() == PUBLIC.keys()
    silent = [name for name, route in public.items() if "Public:" not in (route.handler.__doc__ or "")]
    assert not silent, f"the docstrings of {silent} don't say why anyone may call them"


def test_a_route_for_any_known_caller_is_about_oneself(routes: Mapping[str, Owned[Route]]) -> None:
    assert {name for name, owned in routes.items() if isinstance(owned.item.access, Authenticated)} == ONESELF


def test_every_other_route_needs_a_permission_that_exists(site: Site, routes: Mapping[str, Owned[Route]]) -> None:
    needed = {name: owned.item.access for name, owned in routes.items() if name not in PUBLIC and name not in ONESELF}
    assert {name for name, access in needed.items() if not isinstance(access, Needs)} == set()
    unknown = {
        access.permission for access in needed.values() if isinstance(access, Needs)
    } - site.app.permissions.known
    assert not unknown


def test_reading_needs_no_permission_to_write_and_writing_does(routes: Mapping[str, Owned[Route]]) -> None:
    for name, owned in routes.items():
        access = owned.item.access
        if isinstance(access, Needs):
            reads = access.permission.endswith((":read", ":export"))
            # Invitations are listed by those who may make them.
            assert reads is (owned.item.method == "GET") or name == "list_invitations", name
