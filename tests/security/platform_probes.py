"""The questions to the routes that are not about records, one entry for each operation.

A route that has none yet fails `test_every_route_has_a_control`. To add one: write a function that takes the world and a caller and
yields probes, at least one of them expected to be `allowed` for somebody, and enter it below under the route's operation id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from secrets import token_hex
from typing import Any

from falcon import testing

from bharat.accounts.mails import INVITATION, RESET
from bharat.accounts.tokens import derived_token
from bharat.contracts.html import STYLESHEET
from bharat.contracts.principal import Role
from bharat.integrations import standard
from bharat.local.folder import FolderStorage
from bharat.local.signed_urls import SignedUrls
from tests.fixtures.application import Site
from tests.security.record_probes import ANY, MISSING
from tests.security.secrets import SEALED, Secret
from tests.security.table import MEMBERS, NARROW, home, reach
from tests.security.walk import Expected, Probe
from tests.security.world import DOORBELL, OWNERS, PASSWORD, PEOPLE, World

Probes = Callable[[World, str], Iterator[Probe]]

EVERYONE = frozenset({*MEMBERS, *NARROW, "nobody", "foreign"})
KNOWN = EVERYONE - {"nobody"}
READERS = MEMBERS | {"foreign"}
"""Who holds `users:read`, `teams:read`, `settings:read` and `organisation:read`."""
ADMINISTRATORS = frozenset({"admin", "foreign"})
LOGGED_IN = frozenset({"admin", "manager", "agent", "viewer", "foreign"})
"""Who has a session, which an API key is not."""
OF = {"acme": "admin", "globex": "foreign"}


def _expected(caller: str, allowed: frozenset[str], otherwise: Expected = "denied") -> Expected:
    if caller in allowed:
        return "allowed"
    return "unknown caller" if caller == "nobody" else otherwise


def _public(operation: str, path: str) -> Probes:
    def probes(world: World, caller: str) -> Iterator[Probe]:
        yield Probe(operation=operation, caller=caller, method="GET", path=path, expected="allowed")

    return probes


def _get(operation: str, path: str, allowed: frozenset[str], *queries: str) -> Probes:
    def probes(world: World, caller: str) -> Iterator[Probe]:
        for query in ("", *queries):
            yield Probe(
                operation=operation, caller=caller, method="GET", path=path, query=query,
                expected=_expected(caller, allowed), deleted=caller in ADMINISTRATORS,
            )  # fmt: skip

    return probes


def _send(
    operation: str, method: str, path: str, allowed: frozenset[str], body: Callable[[World, str], Any], **more: Any
) -> Probes:
    def probes(world: World, caller: str) -> Iterator[Probe]:
        yield Probe(
            operation=operation, caller=caller, method=method, path=path, body=body(world, caller),
            expected=_expected(caller, allowed), **more,
        )  # fmt: skip

    return probes


def _each(
    operation: str, method: str, path: str, allowed: frozenset[str], make: Callable[[World, str], Any], **more: Any
) -> Probes:
    """One thing of each organisation: those who are allowed reach their own, and the other's is not there."""

    def probes(world: World, caller: str) -> Iterator[Probe]:
        like = Probe(
            operation=operation, caller=caller, method=method, path=f"{path}/{MISSING}",
            expected=_expected(caller, frozenset(), "hidden" if caller in allowed else "denied"), **more,
        )  # fmt: skip
        yield like
        for organisation in ("acme", "globex"):
            mine = home(caller) == organisation
            expected = _expected(caller, allowed, "denied")
            if expected == "allowed" and not mine:
                expected = "hidden"
            yield Probe(
                operation=operation, caller=caller, method=method, path=f"{path}/{make(world, organisation)}",
                expected=expected, like=like if expected == "hidden" else None, **more,
            )  # fmt: skip

    return probes


def _word(kind: Any, world: World, caller: str) -> str:
    return world.secrets.word(Secret(kind, home(caller) or "acme", person=caller))


def _user(world: World, organisation: str) -> str:
    return str(world.new_person(organisation)[0])


def _team(world: World, organisation: str) -> str:
    return str(world.new_team(organisation)[0])


def _field(world: World, organisation: str) -> str:
    return str(world.new_custom_field(organisation))


def _invitation(world: World, organisation: str) -> str:
    return str(world.new_invitation(organisation)[0])


def _login(world: World, caller: str) -> Iterator[Probe]:
    if caller != "agent":
        return  # whoever calls, it is the password that counts
    _, _, address = world.new_person("acme", Role.AGENT, login=True)
    tries: Sequence[tuple[str, Expected]] = ((PASSWORD, "allowed"), ("not the password", "unknown caller"))
    for password, expected in tries:
        yield Probe(
            operation="login", caller=caller, method="POST", path="/api/v1/login", expected=expected,
            body={"email": address, "password": password}, credentials={}, then=partial(_says_only_who, world),
        )  # fmt: skip
    yield Probe(
        operation="login", caller="nobody", method="POST", path="/api/v1/login", expected="unknown caller",
        body={"email": "zq-nobody@example.com", "password": PASSWORD},
        like=Probe(
            operation="login", caller="nobody", method="POST", path="/api/v1/login", expected="unknown caller",
            body={"email": address, "password": "not the password"},
        ),
    )  # fmt: skip


def _says_only_who(world: World, answer: testing.Result) -> str | None:
    if answer.status_code == 200 and set(answer.json) != {
        "id", "name", "email", "role", "organisation_id", "organisation", "team_ids", "permissions", "scopes",
    }:  # fmt: skip
        return f"a login tells {sorted(answer.json)}"
    return None


def _somebody_logged_in(world: World, caller: str) -> tuple[dict[str, str], str]:
    organisation, role, _ = PEOPLE[caller]
    id, _, _ = world.new_person(organisation, role, login=True)
    token, handle = world.session(organisation, id, caller)
    return {"Cookie": f"bharat_session={token}"}, handle


def _on_ones_session(operation: str, method: str, path: str, **more: Any) -> Probes:
    """What ends or renews sessions, done by somebody who is there for it; a key can't do it."""

    def probes(world: World, caller: str) -> Iterator[Probe]:
        credentials = _somebody_logged_in(world, caller)[0] if caller in LOGGED_IN else None
        yield Probe(
            operation=operation, caller=caller, method=method, path=path, expected=_expected(caller, LOGGED_IN),
            credentials=credentials, **more,
        )  # fmt: skip

    return probes


def _end_session(world: World, caller: str) -> Iterator[Probe]:
    operation, path = "end_own_session", "/api/v1/me/sessions"
    like = Probe(
        operation=operation, caller=caller, method="DELETE", path=f"{path}/{'0' * 16}",
        expected=_expected(caller, frozenset(), "hidden" if caller in LOGGED_IN else "denied"),
    )  # fmt: skip
    for person in ("agent", "admin", "foreign"):
        organisation = PEOPLE[person][0]
        _, handle = world.session(organisation, world.people[person], person)
        expected = _expected(caller, frozenset({person}), "hidden" if caller in LOGGED_IN else "denied")
        yield Probe(
            operation=operation, caller=caller, method="DELETE", path=f"{path}/{handle}", expected=expected,
            like=like if expected == "hidden" else None,
        )  # fmt: skip


def _reset(world: World, caller: str) -> Iterator[Probe]:
    path = "/api/v1/password-resets"
    _, _, address = world.new_person("acme", login=True)
    known = Probe(
        operation="ask_password_reset",
        caller=caller,
        method="POST",
        path=path,
        expected="allowed",
        body={"email": address},
    )

    def same(answer: testing.Result) -> str | None:
        unknown = world.call(caller, "POST", path, json={"email": f"nobody-{address}"})
        if (answer.status_code, answer.text) != (unknown.status_code, unknown.text):
            return "the answer tells whether the address has a login"
        return None

    yield Probe(
        operation=known.operation,
        caller=caller,
        method="POST",
        path=path,
        expected="allowed",
        body=known.body,
        then=same,
    )


def _confirm(world: World, caller: str) -> Iterator[Probe]:
    from bharat.accounts.tables import password_resets
    from bharat.accounts.tokens import hash_of
    from bharat.data import new_id

    if caller not in ("nobody", "foreign"):
        return  # each costs a password's hash
    user, _, _ = world.new_person("acme", login=True)
    id, organisation = new_id(), world.organisations["acme"]
    token = derived_token(world.site.app, RESET, organisation, id)
    with world.writing("acme") as unit:
        row = {
            "id": id, "user_id": user, "token_hash": hash_of(token), "created_at": unit.at,
            "expires_at": unit.at + timedelta(hours=1),
        }  # fmt: skip
        unit.execute(password_resets.insert(), row)
    foreign = derived_token(world.site.app, RESET, world.organisations["globex"], id)
    tries: Sequence[tuple[str, Expected]] = (
        (foreign, "refused"),
        (token[:-1] + ("A" if token[-1] != "A" else "B"), "refused"),
        (token, "allowed"),
        (token, "refused"),
    )
    for given, expected in tries:
        yield Probe(
            operation="confirm_password_reset", caller=caller, method="POST", path="/api/v1/password-resets/confirm",
            expected=expected, body={"token": given, "password": "an island in the fog"},
        )  # fmt: skip


def _accept(world: World, caller: str) -> Iterator[Probe]:
    if caller not in ("nobody", "foreign"):
        return  # each costs a password's hash
    id, _ = world.new_invitation("acme", named=False)
    token = derived_token(world.site.app, INVITATION, world.organisations["acme"], id)
    foreign = derived_token(world.site.app, INVITATION, world.organisations["globex"], id)
    tries: Sequence[tuple[str, Expected]] = ((foreign, "refused"), (token, "allowed"), (token, "refused"))
    for given, expected in tries:
        yield Probe(
            operation="accept_invitation", caller=caller, method="POST", path="/api/v1/invitations/accept",
            expected=expected, body={"token": given, "password": "an island in the fog", "name": "somebody new"},
        )  # fmt: skip


def _users(world: World, caller: str) -> Iterator[Probe]:
    ids = frozenset(str(world.people[name]) for name in PEOPLE)
    mine = frozenset(str(world.people[name]) for name, (slug, _, _) in PEOPLE.items() if slug == home(caller))
    yield from _get("list_users", "/api/v1/users", READERS, "limit=200&active=true", "role=admin")(world, caller)
    yield Probe(
        operation="list_users", caller=caller, method="GET", path="/api/v1/users", query="limit=200",
        expected=_expected(caller, READERS), rows=mine, among=ids,
    )  # fmt: skip
    for name in PEOPLE:
        yield Probe(
            operation="list_users", caller=caller, method="GET", path="/api/v1/users", query=f"q={world.words[name]}",
            expected=_expected(caller, READERS), rows=mine & {str(world.people[name])}, among=ids,
        )  # fmt: skip


def _new_user(world: World, caller: str) -> Iterator[Probe]:
    path = "/api/v1/users"
    for team, allowed in ((None, ADMINISTRATORS), ("acme", frozenset({"admin"})), ("globex", frozenset({"foreign"}))):
        body = {"name": _word("person", world, caller), "email": f"{_word('address', world, caller)}@example.com"}
        expected = _expected(caller, allowed, "refused" if caller in ADMINISTRATORS else "denied")
        like = Probe(
            operation="create_user",
            caller=caller,
            method="POST",
            path=path,
            body={**body, "team_id": str(MISSING)},
            expected=expected,
        )
        if team is not None:
            body["team_id"] = str(world.teams[team, "North"])
        yield Probe(
            operation="create_user", caller=caller, method="POST", path=path, body=body, expected=expected,
            like=like if expected == "refused" else None,
        )  # fmt: skip


def _keys(world: World, caller: str) -> Iterator[Probe]:
    yield from _get("list_api_keys", "/api/v1/api-keys", KNOWN, "limit=200")(world, caller)
    yield Probe(
        operation="list_api_keys", caller=caller, method="GET", path="/api/v1/api-keys", query="everyone=true&limit=200",
        expected=_expected(caller, ADMINISTRATORS),
    )  # fmt: skip


def _revoke(world: World, caller: str) -> Iterator[Probe]:
    operation, path = "revoke_api_key", "/api/v1/api-keys"
    like = Probe(
        operation=operation, caller=caller, method="DELETE", path=f"{path}/{MISSING}",
        expected=_expected(caller, frozenset(), "hidden" if caller in LOGGED_IN else "denied"),
    )  # fmt: skip
    for person in ("agent", "colleague", "foreign"):
        id, _ = world.new_key(person)
        allowed = frozenset({person, OF[PEOPLE[person][0]]})
        expected = _expected(caller, allowed, "hidden" if caller in LOGGED_IN else "denied")
        yield Probe(
            operation=operation, caller=caller, method="DELETE", path=f"{path}/{id}", expected=expected,
            like=like if expected == "hidden" else None,
        )  # fmt: skip


def _audit(world: World, caller: str) -> Iterator[Probe]:
    about = [f"subject_id={row.id}" for rows in world.rows.values() for row in rows[:2] + rows[-1:]]
    yield from _get("list_audit_entries", "/api/v1/audit", ADMINISTRATORS, "limit=200", *about)(world, caller)


def _custom_field(world: World, caller: str) -> dict[str, Any]:
    word = _word("setting", world, caller)
    return {"record_type": world.types[0].resource.name, "name": word, "label": word, "kind": "text"}


def _report(world: World, caller: str) -> Iterator[Probe]:
    deals = world.kit.records("deal").resource
    policy, plural = deals.type.access.value, deals.plural
    seen = reach(caller, policy, plural, "read")
    # The report also counts what probes have made; the pipelines of the static rows hold nothing else.
    for place in OWNERS:
        deal = world.live("deal", place)
        pipeline = world.live("pipeline", place).id
        mine = place in seen

        def right(answer: testing.Result, mine: bool = mine, deal: Any = deal) -> str | None:
            if answer.status_code >= 400:
                return None
            total = answer.json["total"]
            told = (total["count"], sum(float(one["total"]) for one in total["amounts"]))
            return None if told == ((1, float(2**deal.number)) if mine else (0, 0.0)) else f"it counted {told}"

        for by in ("stage", "owner", "team", "product", "month"):
            yield Probe(
                operation="report_pipeline", caller=caller, method="GET", path="/api/v1/reports/pipeline",
                query=f"by={by}&pipeline={pipeline}", expected=_expected(caller, frozenset({caller} if seen else ())), then=right,
            )  # fmt: skip
    for by in ("stage", "owner", "team", "product", "month"):
        yield Probe(
            operation="report_pipeline", caller=caller, method="GET", path="/api/v1/reports/pipeline", query=f"by={by}",
            expected=_expected(caller, frozenset({caller} if seen else ())),
        )  # fmt: skip


def _moves(world: World, caller: str) -> Iterator[Probe]:
    seen = reach(caller, "owned", "deals", "read")
    otherwise: Expected = "hidden" if seen else "denied"
    like = Probe(
        operation="list_deal_moves", caller=caller, method="GET", path=f"/api/v1/deals/{MISSING}/moves",
        expected=_expected(caller, frozenset(), otherwise),
    )  # fmt: skip
    for row in world.rows["deal"]:
        # As the history: that of a deleted deal is for those who may delete it.
        visible = bool(seen) and row.place in (reach(caller, "owned", "deals", "delete") if row.deleted else seen)
        expected = _expected(caller, frozenset({caller} if visible else ()), otherwise)
        yield Probe(
            operation="list_deal_moves", caller=caller, method="GET", path=f"/api/v1/deals/{row.id}/moves", expected=expected,
            like=like if expected == "hidden" else None,
        )  # fmt: skip


def _search(world: World, caller: str) -> Iterator[Probe]:
    """Each record by the words that it is called, alone and among the others."""
    asked = [one for one in world.types if one.resource.searchable]
    among = frozenset(str(row.id) for one in asked for row in world.rows[one.resource.name])
    for records in asked:
        name = records.resource.name
        seen = reach(caller, records.resource.type.access.value, records.resource.plural, "read")
        for row in world.rows[name]:
            rows = frozenset({str(row.id)} if row.place in seen and not row.deleted else ())
            for query in (f"q={row.word}", f"q={row.word[:-1].upper()}&types={name}&limit=50"):
                yield Probe(
                    operation="search", caller=caller, method="GET", path="/api/v1/search", query=query,
                    expected=_expected(caller, READERS), rows=rows, among=among if query.endswith(row.word) else frozenset({str(row.id)}),
                )  # fmt: skip


def _file(world: World, caller: str, operation: str) -> Iterator[Probe]:
    """Files are given out by signed URLs alone: whoever holds one may use it, for this file and this purpose. A link to upload leads
    nowhere where files are not kept in a folder."""
    word = world.secrets.word(Secret("setting", "nobody's"))
    key, urls = f"files/{word}.txt", SignedUrls(world.site.app)
    hour, put = timedelta(hours=1), operation == "storage_upload"
    if put:
        sign = partial(urls.upload, expires=hour, content_type="text/plain", max_size=100)
        url, wrong = (sign(f"{int(time.time() * 1000)}-{token_hex(16)}").url for _ in range(2))
    else:
        world.site.app.storage.put(key, [b"a file"], content_type="text/plain")
        url = urls.download(key, expires=hour, filename=None, inline_type=None)
        wrong = urls.download(f"{key}.other", expires=hour, filename=None, inline_type=None)
    path, query = url.removeprefix(world.site.app.public_url).split("?")
    more: dict[str, Any] = {"raw": b"new", "headers": {"Content-Type": "text/plain"}} if put else {}
    method = "PUT" if put else "GET"
    tries: Sequence[tuple[str, Expected]] = (
        (wrong.split("?")[1], "denied"),
        (query.replace("expires=", "expires=9"), "denied"),
        ("", "refused"),
        (query, "allowed" if not put or takes_uploads(world.site) else "hidden"),
    )
    for given, expected in tries:
        yield Probe(
            operation=operation, caller=caller, method=method, path=path, query=given, expected=expected, **more
        )


def takes_uploads(site: Site) -> bool:
    """Whether signed links to upload lead to the application itself."""
    return isinstance(site.app.storage, FolderStorage)


def _greet(world: World, caller: str) -> Iterator[Probe]:
    writers = frozenset({"admin", "manager", "agent", "write_key", "foreign"})
    yield Probe(
        operation="greet",
        caller=caller,
        method="POST",
        path="/api/v1/sample/greetings",
        expected=_expected(caller, writers),
    )


def _on_doorbell(operation: str, method: str, path: str = DOORBELL, **more: Any) -> Probes:
    """About one's own organisation's, set up and open; another's can't even be named."""

    def probes(world: World, caller: str) -> Iterator[Probe]:
        for organisation in OF:
            world.set_up_doorbell(organisation)
            world.open_doorbell(organisation)
        yield Probe(
            operation=operation, caller=caller, method=method, path=path, expected=_expected(caller, ADMINISTRATORS), **more
        )  # fmt: skip

    return probes


def _put_doorbell(world: World, caller: str) -> Iterator[Probe]:
    body = {"api_token": SEALED, "door": _word("integration", world, caller)}
    yield from _on_doorbell("put_integration_doorbell", "PUT", body=body, headers=ANY)(world, caller)


def _deliver(world: World, caller: str) -> Iterator[Probe]:
    """The signature is the permission, whoever calls: that of the endpoint's own secret, over this body."""
    if caller not in ("nobody", "foreign"):
        return
    path, secret = world.open_doorbell("acme")
    _, foreign = world.open_doorbell("globex")
    body = b'{"visitor": "somebody"}'

    def signed(with_secret: str, id: str, content: bytes) -> dict[str, str]:
        key, at = standard.key_of(with_secret), int(world.site.app.clock.now().timestamp())
        assert key is not None
        signature = standard.sign(key, id, at, content)
        return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}

    tries: Sequence[tuple[str, dict[str, str], Expected]] = (
        (path, {}, "unknown caller"),
        (path, signed(foreign, "msg_1", body), "unknown caller"),
        (path, signed(secret, "msg_1", b"another body"), "unknown caller"),
        (f"{path[:-4]}AAAA", signed(secret, "msg_1", body), "hidden"),
        (path, signed(secret, f"msg_{caller}", body), "allowed"),
    )
    for at, headers, expected in tries:
        yield Probe(
            operation="receive_webhook", caller=caller, method="POST", path=at, raw=body, headers=headers, expected=expected
        )  # fmt: skip


PASSWORDS = {"current_password": PASSWORD, "new_password": "an island in the fog"}

PROBES: Mapping[str, Probes] = {
    "livez": _public("livez", "/livez"),
    "readyz": _public("readyz", "/readyz"),
    "health": _public("health", "/api/health"),
    "metrics_page": _public("metrics_page", "/metrics"),
    "openapi": _public("openapi", "/openapi.json"),
    "welcome": _public("welcome", "/"),
    "pages_css": _public("pages_css", STYLESHEET),
    "api_reference": _public("api_reference", "/docs"),
    "problem_types": _public("problem_types", "/docs/problems"),
    "accept_invitation_page": _public("accept_invitation_page", "/accept-invitation"),
    "reset_password_page": _public("reset_password_page", "/reset-password"),
    "storage_download": partial(_file, operation="storage_download"),
    "storage_upload": partial(_file, operation="storage_upload"),
    "login": _login,
    "logout": _send("logout", "POST", "/api/v1/logout", EVERYONE, lambda *_: None, credentials={}),
    "ask_password_reset": _reset,
    "confirm_password_reset": _confirm,
    "read_me": _get("read_me", "/api/v1/me", KNOWN),
    "list_own_sessions": _get("list_own_sessions", "/api/v1/me/sessions", LOGGED_IN),
    "end_own_session": _end_session,
    "end_other_sessions": _on_ones_session("end_other_sessions", "DELETE", "/api/v1/me/sessions"),
    "change_password": _on_ones_session("change_password", "PUT", "/api/v1/me/password", body=PASSWORDS),
    "list_invitations": _get("list_invitations", "/api/v1/invitations", ADMINISTRATORS, "limit=200"),
    "create_invitation": _send(
        "create_invitation", "POST", "/api/v1/invitations", ADMINISTRATORS,
        lambda world, caller: {"email": f"{_word('invitation', world, caller)}@example.com"},
    ),
    "revoke_invitation": _each("revoke_invitation", "DELETE", "/api/v1/invitations", ADMINISTRATORS, _invitation),
    "accept_invitation": _accept,
    "list_users": _users,
    "read_user": _each("read_user", "GET", "/api/v1/users", READERS, lambda world, slug: world.people[OWNERS["own" if slug == "acme" else "foreign"]]),
    "create_user": _new_user,
    "update_user": _each(
        "update_user", "PATCH", "/api/v1/users", ADMINISTRATORS, _user, body={"name": "renamed"}, headers=ANY
    ),
    "delete_user": _each("delete_user", "DELETE", "/api/v1/users", ADMINISTRATORS, _user, headers=ANY),
    "list_teams": _get("list_teams", "/api/v1/teams", READERS, "limit=200"),
    "read_team": _each("read_team", "GET", "/api/v1/teams", READERS, lambda world, slug: world.teams[slug, "North"]),
    "create_team": _send(
        "create_team", "POST", "/api/v1/teams", ADMINISTRATORS, lambda world, caller: {"name": _word("team", world, caller)}
    ),
    "update_team": _each(
        "update_team", "PATCH", "/api/v1/teams", ADMINISTRATORS, _team, body={"region": "renamed"}, headers=ANY
    ),
    "delete_team": _each("delete_team", "DELETE", "/api/v1/teams", ADMINISTRATORS, _team, headers=ANY),
    "list_api_keys": _keys,
    "create_api_key": _send(
        "create_api_key", "POST", "/api/v1/api-keys", LOGGED_IN,
        lambda world, caller: {"name": _word("key", world, caller), "scopes": ["*:read"]},
    ),
    "revoke_api_key": _revoke,
    "read_organisation": _get("read_organisation", "/api/v1/organisation", READERS),
    "update_organisation": _send(
        "update_organisation", "PATCH", "/api/v1/organisation", ADMINISTRATORS,
        lambda world, caller: {"name": _word("organisation", world, caller)}, headers=ANY,
    ),
    "list_audit_entries": _audit,
    "list_custom_fields": _get("list_custom_fields", "/api/v1/custom-fields", READERS),
    "read_custom_field": _each("read_custom_field", "GET", "/api/v1/custom-fields", READERS, _field),
    "create_custom_field": _send("create_custom_field", "POST", "/api/v1/custom-fields", ADMINISTRATORS, _custom_field),
    "update_custom_field": _each(
        "update_custom_field", "PATCH", "/api/v1/custom-fields", ADMINISTRATORS, _field, body={"label": "renamed"}, headers=ANY
    ),
    "delete_custom_field": _each(
        "delete_custom_field", "DELETE", "/api/v1/custom-fields", ADMINISTRATORS, _field, headers=ANY
    ),
    "report_pipeline": _report,
    "search": _search,
    "list_deal_moves": _moves,
    "greet": _greet,
    "list_integrations": _on_doorbell("list_integrations", "GET", "/api/v1/integrations"),
    "read_integration_doorbell": _on_doorbell("read_integration_doorbell", "GET"),
    "put_integration_doorbell": _put_doorbell,
    "delete_integration_doorbell": _on_doorbell("delete_integration_doorbell", "DELETE", headers=ANY),
    "read_webhook_doorbell": _on_doorbell("read_webhook_doorbell", "GET", f"{DOORBELL}/webhook"),
    "rotate_webhook_doorbell": _on_doorbell("rotate_webhook_doorbell", "POST", f"{DOORBELL}/webhook", body={}),
    "close_webhook_doorbell": _on_doorbell("close_webhook_doorbell", "DELETE", f"{DOORBELL}/webhook"),
    "receive_webhook": _deliver,
}  # fmt: skip
