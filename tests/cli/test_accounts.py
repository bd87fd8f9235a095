"""`bharat org`, `user`, `team` and `apikey`, on the real application."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bharat.app import build
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.config import load
from bharat.data.engine import EngineOptions
from tests.accounts.site import Browser
from tests.cli.conftest import Outcome

PASSWORD = "a long walk in the rain"
Bharat = Callable[..., Outcome]


@pytest.fixture
def environment(database_options: EngineOptions, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_options.url, "BHARAT_HOME": str(tmp_path / "home")}


@pytest.fixture
def bharat(environment: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bharat:
    def call(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(cli, arguments, runtime=Runtime(environ=environment))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def made(outcome: Outcome) -> Any:
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def status(environment: dict[str, str], call: Callable[[Browser], int], **headers: str) -> int:
    """What the application answers, as a server with this environment would."""
    import falcon.testing

    with build(load(None, environment)) as app:
        return call(Browser(falcon.testing.TestClient(app.wsgi()), headers=headers))


def log_in(environment: dict[str, str], password: str = PASSWORD) -> int:
    return status(environment, lambda browser: browser.log_in("asha@acme.example", password).status_code)


def test_an_organisation_gets_an_administrator_who_can_log_in(bharat: Bharat, environment: dict[str, str]) -> None:
    assert made(bharat("org", "create", "Acme Ltd", "--json"))["slug"] == "acme-ltd"
    assert [row["slug"] for row in made(bharat("org", "list", "--json"))] == ["acme-ltd"]
    arguments = ("user", "create", "Asha", "--role", "admin", "--email", "Asha@acme.example", "--password-stdin")
    user = made(bharat(*arguments, "--json", stdin=PASSWORD + "\n"))
    assert log_in(environment) == 200
    (row,) = made(bharat("user", "list", "--json"))
    assert (row["id"], row["role"], row["login"], row["email"]) == (user["id"], "admin", True, "asha@acme.example")


def test_a_password_is_set_and_a_weak_one_refused_with_the_reason(bharat: Bharat, environment: dict[str, str]) -> None:
    bharat("org", "create", "Acme")
    bharat("user", "create", "Asha", "--email", "asha@acme.example")
    refused = bharat("user", "password", "asha@acme.example", "--password-stdin", stdin="short\n")
    assert refused.code == 1
    assert "must have at least 12 characters" in refused.err
    assert bharat("user", "password", "Asha", "--password-stdin", stdin=PASSWORD + "\n").code == 0
    assert log_in(environment) == 200


def test_a_password_that_is_set_lifts_the_lock_that_failed_logins_caused(
    bharat: Bharat, environment: dict[str, str]
) -> None:
    bharat("org", "create", "Acme")
    bharat(
        "user", "create", "Asha", "--email", "asha@acme.example", "--login", "--password-stdin", stdin=PASSWORD + "\n"
    )

    def fail(browser: Browser) -> int:
        return [browser.log_in("asha@acme.example", "wrong").status_code for _ in range(11)][-1]

    assert status(environment, fail) == 429
    assert bharat("user", "password", "Asha", "--password-stdin", stdin=PASSWORD + "\n").code == 0
    assert log_in(environment) == 200


def test_a_disabled_user_logs_in_no_more_until_enabled(bharat: Bharat, environment: dict[str, str]) -> None:
    bharat("org", "create", "Acme")
    bharat(
        "user", "create", "Asha", "--email", "asha@acme.example", "--login", "--password-stdin", stdin=PASSWORD + "\n"
    )
    assert bharat("user", "disable", "Asha").out == "disabled Asha\n"
    assert log_in(environment) == 401
    assert bharat("user", "enable", "Asha").code == 0
    assert log_in(environment) == 200


def test_roles_and_teams_are_given(bharat: Bharat) -> None:
    bharat("org", "create", "Acme")
    bharat("user", "create", "Melvin", "--role", "manager")
    assert made(bharat("team", "create", "Melvin's team", "--lead", "Melvin", "--region", "West", "--json"))["id"]
    bharat("user", "create", "Darcel", "--team", "Melvin's team")
    assert bharat("user", "role", "Darcel", "viewer").code == 0
    assert [(row["name"], row["role"], row["team"]) for row in made(bharat("user", "list", "--json"))] == [
        ("Melvin", "manager", None),
        ("Darcel", "viewer", "Melvin's team"),
    ]
    assert "Melvin" in bharat("team", "list").out


def test_a_key_works_until_it_is_revoked(bharat: Bharat, environment: dict[str, str]) -> None:
    bharat("org", "create", "Acme")
    bharat("user", "create", "Asha")
    key = made(bharat("apikey", "create", "Asha", "--name", "report", "--scope", "*:read", "--days", "9", "--json"))

    def ask() -> int:
        return status(
            environment, lambda script: script.get("/users").status_code, Authorization=f"Bearer {key['key']}"
        )

    assert ask() == 200
    listed = bharat("apikey", "list")
    assert "report" in listed.out
    assert key["key"] not in listed.out
    assert bharat("apikey", "revoke", key["id"]).code == 0
    assert ask() == 401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("org", "create", "Acme"), "There is an organisation 'acme' already"),
        (("org", "create", "Other", "--slug", "Not a slug"), "slug use 1 to 63 of a-z, 0-9 and -"),
        (("user", "disable", "Nobody"), "the organisation has no user 'Nobody'; `bharat user list` shows them"),
        (("user", "create", "X", "--login"), "a login needs --email"),
        (("user", "password", "Twin"), "several users are called 'Twin'"),
        (("user", "list", "--org", "nope"), "there is no organisation 'nope'; there are: acme"),
        (("apikey", "create", "Twin", "--name", "k", "--scope", "deals:fly"), "'deals:fly' is no scope"),
    ],
)
def test_what_can_t_be_done_is_said_in_one_line(bharat: Bharat, arguments: tuple[str, ...], message: str) -> None:
    bharat("org", "create", "Acme")
    for _ in range(2):
        bharat("user", "create", "Twin")
    refused = bharat(*arguments)
    assert refused.code in (1, 2)
    assert message in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("address", ["notanaddress", "a b@acme.example", f"{'a' * 250}@b.cd"])
def test_what_is_no_address_is_refused(bharat: Bharat, address: str) -> None:
    bharat("org", "create", "Acme")
    refused = bharat("user", "create", "Foo", "--email", address)
    assert refused.code == 1
    assert "email must be an e-mail address like asha@acme.example" in refused.err
    assert json.loads(bharat("user", "list", "--json").out) == []


def test_an_organisation_without_a_name_is_refused_for_its_name(bharat: Bharat) -> None:
    for name in ("", "  "):
        refused = bharat("org", "create", name)
        assert (refused.code, refused.err) == (
            1,
            "bharat: error: An organisation needs a name. name must not be empty\n",
        )


def test_a_key_without_a_scope_is_wrong_usage(bharat: Bharat) -> None:
    refused = bharat("apikey", "create", "Asha", "--name", "report")
    assert refused.code == 2
    assert "Missing option '--scope'" in refused.err
