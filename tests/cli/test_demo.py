"""What `bharat dev` prepares, and what it says."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from falcon import testing

from bharat.accounts.seeding import create_organisation, create_user
from bharat.accounts.tables import users
from bharat.app import build, load_plugins
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.cli.demo import FILE, Login, Prepared, prepare_demo, welcome
from bharat.config import Config, load
from bharat.contracts.principal import SYSTEM, Role
from bharat.data.organisations import organisations
from tests.fixtures.distributions import Distributions

SAMPLES = """
from bharat.contracts.principal import Actor, ActorKind
from bharat.work import emit

@hookimpl
def bharat_demo(app, organisation_id, admin_id):
    with app.database.write(organisation_id, Actor(ActorKind.USER, admin_id)) as unit:
        emit(unit, "example.welcomed", "user", admin_id, {})
    (app.home / "samples").write_text("made")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def configured(home: Path, *plugins: str, **environ: str) -> Config:
    return load(None, {"BHARAT_HOME": str(home), "BHARAT_PLUGINS": ",".join(plugins), **environ})


def prepare(home: Path, *plugins: str) -> Prepared:
    config = configured(home, *plugins)
    return prepare_demo(config, load_plugins(config))


def login_of(prepared: Prepared) -> Login:
    assert prepared.login is not None
    return prepared.login


def test_a_new_installation_gets_an_organisation_and_a_login_that_works(home: Path) -> None:
    login = login_of(prepare(home, "sample"))
    with build(configured(home, "sample")) as app:
        client = testing.TestClient(app.wsgi())
        body = {"email": login.email, "password": login.password}
        answer = client.simulate_post("/api/v1/login", json=body)
        assert (answer.status_code, answer.json["role"]) == (200, "admin")


def test_the_login_is_kept_where_only_its_owner_reads_it(home: Path) -> None:
    prepare(home)
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600


def test_a_later_start_makes_nothing_and_tells_the_same_login(home: Path) -> None:
    first = login_of(prepare(home))
    assert login_of(prepare(home)) == first
    with build(configured(home)) as app:
        assert app.database.read(None).scalar(sa.select(sa.func.count()).select_from(organisations)) == 1


@pytest.mark.parametrize("step", ["_keep", "create_user"])
def test_a_start_that_was_interrupted_is_finished_by_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"bharat.cli.demo.{step}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(home, "sample")
    login = login_of(prepare(home, "sample"))
    with build(configured(home, "sample")) as app:
        client = testing.TestClient(app.wsgi())
        answer = client.simulate_post("/api/v1/login", json={"email": login.email, "password": login.password})
        assert answer.status_code == 200
        assert app.database.read(None).scalar(sa.select(sa.func.count()).select_from(organisations)) == 1


def test_a_login_whose_user_was_deleted_is_neither_told_nor_made_again(home: Path) -> None:
    login = login_of(prepare(home))
    with build(configured(home)) as app, app.database.write(login.organisation_id, SYSTEM) as unit:
        create_user(unit, name="Asha", role=Role.ADMIN)
        unit.execute(users.update().where(users.c.email == login.email).values(deleted_at=unit.at))
    assert prepare(home).login is None


def test_the_command_prints_the_login_and_makes_it_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = Runtime(environ={"BHARAT_HOME": str(home)})
    assert run(cli, ["migrate"], runtime=runtime) == 0
    capsys.readouterr()
    assert run(cli, ["demo", "--json"], runtime=runtime) == 0
    login = json.loads(capsys.readouterr().out)["login"]
    assert run(cli, ["demo"], runtime=runtime) == 0
    said = capsys.readouterr().out
    assert login["email"] in said
    assert login["password"] in said
    assert login_of(prepare(home)).password == login["password"]


def test_two_installations_have_different_passwords(tmp_path: Path) -> None:
    assert login_of(prepare(tmp_path / "a")).password != login_of(prepare(tmp_path / "b")).password


def test_an_installation_with_organisations_of_its_own_gets_no_demo(home: Path) -> None:
    prepare(home)
    (home / FILE).unlink()
    with build(configured(home)) as app:
        create_organisation(app.database, "Acme", actor=SYSTEM)
    assert prepare(home).login is None
    assert not (home / FILE).exists()


def test_a_login_of_another_database_is_not_told(home: Path) -> None:
    prepare(home)
    (home / "bharat.sqlite3").unlink()
    kept = (home / FILE).read_bytes()
    login = login_of(prepare(home))
    assert login.password.encode() not in kept


def test_plugins_add_their_samples_once(home: Path, distributions: Distributions) -> None:
    distributions.add("example", SAMPLES)
    prepare(home, "example")
    assert (home / "samples").read_text() == "made"
    (home / "samples").unlink()
    prepare(home, "example")
    assert not (home / "samples").exists()


def test_a_plugin_whose_samples_fail_is_told_and_does_not_stop_the_start(
    home: Path, distributions: Distributions, capsys: pytest.CaptureFixture[str]
) -> None:
    distributions.add(
        "broken", "@hookimpl\ndef bharat_demo(app, organisation_id, admin_id):\n    raise KeyError('x')\n"
    )
    assert prepare(home, "broken").login is not None
    assert "plugin 'broken' failed in bharat_demo" in capsys.readouterr().err


def test_the_greeting_names_address_login_and_three_things_to_try(home: Path) -> None:
    prepared = prepare(home, "sample")
    config = configured(home, "sample", BHARAT_SERVER__PORT="8123")
    text = welcome(config, prepared)
    login = login_of(prepared)
    assert "Bharat serves http://127.0.0.1:8123 (single node)" in text
    assert login.email in text
    assert login.password in text
    assert str(home / FILE) in text
    assert [line[:4] for line in text.splitlines() if line[2:4] in ("1.", "2.", "3.")] == ["  1.", "  2.", "  3."]
    assert "http://127.0.0.1:8123/api/v1/login" in text
    assert f"BHARAT_HOME={home} " in text
    assert "import site_visits your-file.csv --org demo --dry-run" in text


def test_printed_commands_name_the_file_and_the_home_that_are_not_found_by_themselves(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def told(config: Config) -> str:
        return next(
            line for line in welcome(config, Prepared("", None, None, None)).splitlines() if line.endswith(" plugins")
        )

    assert "BHARAT_HOME" not in told(load(None, {}))
    (tmp_path / "bharat.toml").write_text('home = "elsewhere"\n')
    assert f"BHARAT_HOME={tmp_path / 'elsewhere'} " in told(load(None, {}))
    assert "--config" not in told(load(None, {}))
    (tmp_path / "other.toml").write_text("")
    assert "--config other.toml plugins" in told(load(Path("other.toml"), {}))


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.7"])
def test_a_host_that_is_not_this_machine_s_is_told(home: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli, ["dev"], runtime=Runtime(environ={"BHARAT_HOME": str(home), "BHARAT_SERVER__HOST": host})) == 1
    assert f"server.host is {host!r}, which is no address of this machine" in capsys.readouterr().err


def test_a_taken_port_is_refused_before_anything_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        runtime = Runtime(environ={"BHARAT_HOME": str(home), "BHARAT_SERVER__PORT": str(port)})
        assert run(cli, ["dev"], runtime=runtime) == 1
    message = capsys.readouterr().err
    assert f"can't listen on 127.0.0.1 port {port}" in message
    assert "BHARAT_SERVER__PORT" in message
    assert not (home / "bharat.sqlite3").exists()
