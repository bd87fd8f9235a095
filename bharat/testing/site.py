"""A whole application for a plugin's tests: called over WSGI as its users call it, its background work done when a test asks.

The fixture `open_site` of `bharat.testing.plugin` opens one on SQLite: `open_site("warranties")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from falcon import testing

from bharat.accounts.keys import add_key
from bharat.accounts.seeding import create_organisation, create_user, find_or_create_team
from bharat.app import Bharat, load_plugins, schema_of
from bharat.config import load
from bharat.contracts.principal import SYSTEM, Role
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from bharat.data.schema import Schema
from bharat.work.clock import CronClock
from bharat.work.relay import Relay
from bharat.work.worker import Runner

PUBLIC_URL = "http://testserver"


class Caller:
    """A user who calls with an API key of every scope (or those given). Every method returns a `falcon.testing.Result`."""

    def __init__(self, site: Site, organisation_id: UUID, user_id: UUID, role: Role, team_id: UUID | None, key: str):
        self.site = site
        self.organisation_id = organisation_id
        self.user_id = user_id
        self.role = role
        self.team_id = team_id
        self.key = key

    def call(self, method: str, path: str, **more: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return self.site.client.simulate_request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> testing.Result:
        return self.call("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> testing.Result:
        return self.call("POST", path, json=json, **more)

    def patch(self, path: str, json: Any, version: int | str = "*", **more: Any) -> testing.Result:
        headers = {"If-Match": f'"{version}"' if isinstance(version, int) else version, **more.pop("headers", {})}
        return self.call("PATCH", path, json=json, headers=headers, **more)

    def delete(self, path: str, version: int | str = "*", **more: Any) -> testing.Result:
        headers = {"If-Match": f'"{version}"' if isinstance(version, int) else version, **more.pop("headers", {})}
        return self.call("DELETE", path, headers=headers, **more)


class Site:
    """A running application: `client` speaks WSGI to it as nobody; `user` makes somebody who calls. `owner` is how the owner of its
    tables connects, on a database where that is another than the application."""

    def __init__(self, app: Bharat, owner: EngineOptions | None = None) -> None:
        self.app = app
        self.owner = owner
        self.client = testing.TestClient(app.wsgi())

    def organisation(self, slug: str) -> UUID:
        return create_organisation(self.app.database, slug.title(), slug=slug, actor=SYSTEM)

    def team(self, organisation_id: UUID, name: str) -> UUID:
        with self.app.database.write(organisation_id, SYSTEM) as unit:
            return find_or_create_team(unit, name)

    def user(
        self,
        organisation_id: UUID,
        role: Role,
        *,
        name: str = "",
        team_id: UUID | None = None,
        email: str | None = None,
        scopes: Sequence[str] = ("*",),
    ) -> Caller:
        with self.app.database.write(organisation_id, SYSTEM) as unit:
            user_id = create_user(unit, name=name or role.value, role=role, team_id=team_id, email=email)
            _, key = add_key(unit, user_id, name="test", scopes=scopes)
        return Caller(self, organisation_id, user_id, role, team_id, key)

    def work(self) -> int:
        """Do the background work that is due, here and now: enqueue what the clock is due for, hand events to their subscribers, run
        jobs and what these cause, until nothing is left; how many jobs ran. A job that raises is logged and due again later, as it is
        on a server. Cron entries count from the first call."""
        cron, relay, runner = self._parts
        cron.look()
        ran = 0
        while (now := runner.run_due(self.app.catalogue.queues)) + relay.publish():
            ran += now
        return ran

    @cached_property
    def _parts(self) -> tuple[CronClock, Relay, Runner]:
        app = self.app
        return (
            CronClock(app.database, app.catalogue),
            Relay(app.database, app.catalogue.subscribers, app.catalogue.followers),
            Runner(app, app.catalogue.jobs),
        )


OpenSite = Callable[..., Site]


def assembled(environ: Mapping[str, str], clock: OffsetClock, url_of: Callable[[Schema], str]) -> Bharat:
    """The application that these variables configure, on the database at `url_of(schema)`, which has every table of it. Whoever
    asked for it closes it."""
    settings = {"BHARAT_SERVER__PUBLIC_URL": PUBLIC_URL, **environ}
    # The tables depend on the plugins alone. This database is one that a cluster takes too, and nothing connects to it.
    url = url_of(schema_of(load_plugins(load(None, {**settings, "DATABASE_URL": "postgresql://localhost/none"}))))
    config = load(None, {**settings, "DATABASE_URL": url})
    return Bharat(config, load_plugins(config), clock)
