"""The whole application with a plugin enabled, on a new database of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from falcon import testing

from bharat.accounts.seeding import create_organisation, create_user
from bharat.app import Bharat, build, load_plugins, migrator
from bharat.config import load
from bharat.contracts.principal import SYSTEM, Role
from tests.fixtures.distributions import distributions

__all__ = ["distributions"]

Start = Callable[..., Bharat]


def logged_in(app: Bharat) -> testing.TestClient:
    """A client with the session of a new organisation's administrator."""
    organisation = create_organisation(app.database, "Acme", actor=SYSTEM)
    password = "correct horse battery staple"
    with app.database.write(organisation, SYSTEM) as unit:
        create_user(
            unit,
            name="Asha",
            role=Role.ADMIN,
            email="asha@acme.example",
            password_hash=app.accounts.passwords.hash(password),
        )
    client = testing.TestClient(app.wsgi(), headers={"Origin": app.public_url})
    answer = client.simulate_post("/api/v1/login", json={"email": "asha@acme.example", "password": password})
    assert answer.status_code in (200, 201), answer.text
    name, cookie = next(iter(answer.cookies.items()))
    return testing.TestClient(client.app, headers={"Origin": app.public_url, "Cookie": f"{name}={cookie.value}"})


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("crm", BHARAT_STORAGE__PROVIDER="cabinet")`: a running application with these plugins and variables."""
    with ExitStack() as stack:

        def call(*plugins: str, **environ: str) -> Bharat:
            home = tmp_path / "home"
            config = load(None, {"BHARAT_HOME": str(home), "BHARAT_PLUGINS": ",".join(plugins), **environ})
            loaded = load_plugins(config)
            with contextlib.closing(migrator(config, loaded)) as tool:
                tool.upgrade()
            return stack.enter_context(build(config, plugins=loaded))

        yield call
