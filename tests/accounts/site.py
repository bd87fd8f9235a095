"""The real application, called as browsers and scripts call it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import falcon.testing
import sqlalchemy as sa

from bharat.accounts.passwords import Passwords
from bharat.accounts.seeding import create_organisation, create_user
from bharat.app import Bharat
from bharat.contracts.principal import SYSTEM, Role
from bharat.data.audit import audit_entries
from bharat.work.catalogue import Catalogue
from bharat.work.worker import Runner
from tests.fixtures.texts import Mails, texts_in_outbox

PASSWORD = "a long walk in the rain"
NEW_PASSWORD = "another walk, in the sun"
_HASH = Passwords().hash(PASSWORD)
_COOKIE = "bharat_session"


@dataclass
class Browser:
    """One browser: it keeps the cookie it is given."""

    client: falcon.testing.TestClient
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> falcon.testing.Result:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token is not None:
            sent["Cookie"] = f"{_COOKIE}={self.token}"
        path, _, query = path.partition("?")
        result = self.client.simulate_request(
            method, f"/api/v1{path}", json=body, headers=sent, query_string=query or None
        )
        cookie = result.cookies.get(_COOKIE)
        if cookie is not None:
            self.token = cookie.value or None
        return result

    def get(self, path: str) -> falcon.testing.Result:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> falcon.testing.Result:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, version: int | None = None) -> falcon.testing.Result:
        return self.call("PATCH", path, body, **({"If-Match": f'"{version}"'} if version is not None else {}))

    def delete(self, path: str, version: int | None = None) -> falcon.testing.Result:
        return self.call("DELETE", path, **({"If-Match": f'"{version}"'} if version is not None else {}))

    def log_in(self, address: str, password: str = PASSWORD) -> falcon.testing.Result:
        return self.post("/login", {"email": address, "password": password})


class Site:
    """An application with two organisations; `acme` has a user of each role, `<role>@acme.example`."""

    def __init__(self, app: Bharat, mails: Mails = texts_in_outbox) -> None:
        self.app = app
        self._mails = mails
        self.client: falcon.testing.TestClient = falcon.testing.TestClient(app.wsgi())
        self.acme = create_organisation(app.database, "Acme", actor=SYSTEM)
        self.globex = create_organisation(app.database, "Globex", actor=SYSTEM)
        self.users: dict[str, UUID] = {}
        for role in Role:
            self.users[role] = self.add_user(self.acme, role.title(), role, f"{role}@acme.example")
        self.add_user(self.globex, "Foreign", Role.ADMIN, "admin@globex.example")

    def add_user(self, organisation_id: UUID, name: str, role: Role, address: str | None = None) -> UUID:
        with self.app.database.write(organisation_id, SYSTEM) as unit:
            kept = _HASH if address is not None else None
            return create_user(unit, name=name, role=role, email=address, password_hash=kept)

    def browser(self, address: str | None = None) -> Browser:
        """A browser, logged in when an address is given."""
        browser = Browser(self.client)
        if address is not None:
            assert browser.log_in(address).status_code == 200
        return browser

    def script(self, key: str) -> Browser:
        """A script with an API key."""
        return Browser(self.client, headers={"Authorization": f"Bearer {key}"})

    def work(self) -> None:
        """Run every job that is due, and those that they cause."""
        catalogue = Catalogue.declared(self.app.registry)
        Runner(self.app, catalogue.jobs).run_due(catalogue.queues)

    def mails(self, recipient: str) -> list[str]:
        """The texts of the mails that were sent to an address."""
        return self._mails(self.app, recipient)

    def token_mailed_to(self, recipient: str) -> str:
        """The token in the only mail to an address."""
        (text,) = self.mails(recipient)
        found = re.search(r"#token=(\S+)", text)
        assert found is not None
        return found[1]

    def actions(self, organisation_id: UUID | None = None) -> list[str]:
        """What the audit trail holds, oldest first."""
        statement = sa.select(audit_entries.c.action).order_by(audit_entries.c.id)
        return [row.action for row in self.app.database.read(organisation_id or self.acme).rows(statement)]
