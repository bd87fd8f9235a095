"""Changing the platform's secret: the configuration, the command, and what goes on working meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from falcon import testing

from bharat.app import Bharat, load_plugins
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.config import load
from bharat.contracts.errors import ConfigError
from bharat.contracts.integrations import SecretUnreadable
from bharat.contracts.principal import SYSTEM
from bharat.integrations.rotation import counted
from bharat.integrations.stored import set_secret
from bharat.integrations.tables import integration_secrets
from tests.fixtures.application import PUBLIC_URL
from tests.integrations.conftest import OpenDesk
from tests.integrations.desk import DESK, TOKEN, Desk

OLD, NEW, OLDER = "o" * 40, "n" * 40, "p" * 40
BOTH = {"BHARAT_SECRET_KEY": NEW, "BHARAT_PREVIOUS_SECRETS": OLD}


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """Under the old secret, with two secrets of settings and one of a webhook."""
    desk = open_desk(BHARAT_SECRET_KEY=OLD)
    desk.set_up()
    desk.set_up(desk.globex)
    desk.open()
    return desk


def environ(desk: Desk, **more: str) -> dict[str, str]:
    return {
        **desk.beside,
        "BHARAT_SERVER__PUBLIC_URL": PUBLIC_URL,
        "DATABASE_URL": desk.app.config.database.url.reveal(),
        **more,
    }


@contextmanager
def application(desk: Desk, **more: str) -> Iterator[Bharat]:
    """The application started anew on the same data."""
    config = load(None, environ(desk, **more))
    app = Bharat(config, load_plugins(config), desk.app.clock)
    try:
        yield app
    finally:
        app.close()


def token(app: Bharat, desk: Desk) -> str:
    found: Any = app.integrations.settings(app.database.read(desk.acme.organisation_id), "help_desk")
    text: str = found.token
    return text


def bharat(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, **more: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(cli, list(arguments), runtime=Runtime(environ=environ(desk, **more)))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_with_the_previous_secret_configured_everything_is_still_read(desk: Desk) -> None:
    with application(desk, **BOTH) as app:
        assert token(app, desk) == TOKEN
    with application(desk, BHARAT_SECRET_KEY=NEW, BHARAT_PREVIOUS_SECRETS=f"{OLDER},{OLD}") as app:
        assert token(app, desk) == TOKEN


def test_without_it_the_error_says_what_to_do(desk: Desk) -> None:
    with application(desk, BHARAT_SECRET_KEY=NEW) as app, pytest.raises(SecretUnreadable) as told:
        token(app, desk)
    assert "'help_desk'" in str(told.value)
    assert "BHARAT_PREVIOUS_SECRETS" in str(told.value)
    assert TOKEN not in str(told.value)


def test_a_node_that_knows_the_next_secret_already_reads_what_others_write(desk: Desk) -> None:
    """The first step of a change without a gap: the new secret is among the previous ones everywhere before anybody uses it."""
    with (
        application(desk, **BOTH) as ahead,
        application(desk, BHARAT_SECRET_KEY=OLD, BHARAT_PREVIOUS_SECRETS=NEW) as behind,
    ):
        for writer, reader, text in ((ahead, behind, "written-ahead"), (behind, ahead, "written-behind")):
            vault = writer.integrations.vault
            with writer.database.write(desk.acme.organisation_id, SYSTEM) as unit:
                set_secret(unit, vault, "help_desk", "token", text, None)
            assert token(reader, desk) == text


def test_the_command_renews_everything_and_tells_how_it_stands(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bharat(desk, capsys, "secrets", "status", "--json", **BOTH)
    assert code == 0
    assert [(one["standing"], one["secrets"]) for one in json.loads(out)] == [("newest", 0), ("previous", 3)]
    code, out, err = bharat(desk, capsys, "secrets", "rotate", **BOTH)
    assert (code, out, err) == (0, "encrypted 3 secrets with the newest key\n", "")
    code, out, _ = bharat(desk, capsys, "secrets", "rotate", "--json", **BOTH)
    assert json.loads(out) == {"renewed": 0, "unreadable": []}
    code, out, _ = bharat(desk, capsys, "secrets", "status", **BOTH)
    assert [line.split()[1] for line in out.splitlines()] == ["SECRETS", "3", "0"]
    with application(desk, BHARAT_SECRET_KEY=NEW) as app:
        assert token(app, desk) == TOKEN


def test_a_rotation_changes_no_version_and_no_last_change(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = desk.acme.get(DESK).json
    trail = len(desk.audit())
    bharat(desk, capsys, "secrets", "rotate", **BOTH)
    assert desk.acme.get(DESK).json == before
    assert len(desk.audit()) == trail


def test_a_key_that_is_missing_is_told_and_its_secrets_are_left(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bharat(desk, capsys, "secrets", "status", BHARAT_SECRET_KEY=NEW)
    assert code == 1
    assert "not configured: add its secret to previous_secrets" in out
    code, out, err = bharat(desk, capsys, "secrets", "rotate", BHARAT_SECRET_KEY=NEW)
    assert (code, out) == (1, "encrypted 0 secrets with the newest key; 3 can't be read\n")
    assert "acme: The secret 'token' of the integration 'help_desk' can't be read" in err
    assert "globex: " in err
    assert desk.settings().token == TOKEN


def test_one_that_is_damaged_holds_up_none_of_the_others(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with desk.app.database.write(desk.globex.organisation_id, SYSTEM) as unit:
        unit.execute(integration_secrets.update().values(envelope=integration_secrets.c.envelope + "AAAA"))
    code, out, err = bharat(desk, capsys, "secrets", "rotate", "--json", **BOTH)
    done = json.loads(out)
    assert (code, done["renewed"], len(done["unreadable"]), err) == (1, 2, 1, "")


def test_a_home_with_a_key_of_its_own_moves_to_a_configured_one(
    open_desk: OpenDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = open_desk(BHARAT_MODE="single")
    desk.set_up()
    kept = (desk.app.home / "secret.key").read_text()
    with application(desk, BHARAT_SECRET_KEY=NEW, BHARAT_PREVIOUS_SECRETS=kept) as app:
        assert token(app, desk) == TOKEN


def test_each_of_the_previous_secrets_must_be_long_enough_and_none_is_shown() -> None:
    with pytest.raises(ConfigError, match="each of previous_secrets must have at least 32") as refused:
        load(None, {"BHARAT_PREVIOUS_SECRETS": f"{OLD},hunter2"})
    assert "hunter2" not in str(refused.value)
    config = load(None, {"BHARAT_PREVIOUS_SECRETS": json.dumps([OLD, NEW])})
    assert [secret.reveal() for secret in config.previous_secrets] == [OLD, NEW]
    (row,) = [row for row in config.describe() if row.key == "previous_secrets"]
    assert row.shown == "********"
    assert OLD not in repr(config) + repr(config.previous_secrets) + repr(config.rows)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_previous_secret_vouches_for_nothing(desk: Desk) -> None:
    """Signed addresses of files and cursors are of the newest secret alone: the previous one may have leaked."""
    desk.app.storage.put("a/file", [b"x"], content_type="text/plain")
    path, _, query = desk.app.storage.presign_get("a/file", expires=timedelta(hours=1)).partition("?")
    path = path.removeprefix(PUBLIC_URL)
    assert desk.site.client.simulate_get(path, query_string=query).status_code == 200
    with application(desk, **BOTH) as app:
        assert testing.TestClient(app.wsgi()).simulate_get(path, query_string=query).status_code == 403


def test_the_rows_of_every_organisation_are_counted(desk: Desk) -> None:
    rows = [
        row
        for who in (desk.acme, desk.globex)
        for row in desk.app.database.read(who.organisation_id).rows(sa.select(integration_secrets))
    ]
    assert counted(desk.app.database) == {desk.app.integrations.vault.newest: len(rows)}
