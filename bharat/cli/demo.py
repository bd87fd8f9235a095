"""What `bharat dev` prepares: a migrated database, on a new one a demo organisation, and a greeting that says how to go on."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import click
import msgspec
import sqlalchemy as sa

from bharat.accounts.seeding import create_organisation, create_user
from bharat.accounts.tables import users
from bharat.app import Bharat, build, migrator
from bharat.config import Config, find_file
from bharat.config.sections import DEFAULT_HOME
from bharat.contracts.errors import PluginError
from bharat.contracts.principal import SYSTEM, Role
from bharat.data.organisations import organisations
from bharat.plugins import Plugins
from bharat.web.welcome import LOGIN

FILE = "demo-login.json"
SLUG = "demo"
EMAIL = "admin@demo.example"


class Login(msgspec.Struct, frozen=True):
    """The demo organisation's administrator. Kept in `<home>/demo-login.json`, which only its owner may read."""

    organisation_id: UUID
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the greeting tells of. `login` is `None` when the database holds organisations that are no demo. `login_path` is
    where to log in, `plural` the first record type, as far as there are some."""

    label: str
    login: Login | None
    login_path: str | None
    plural: str | None


def prepare_demo(config: Config, plugins: Plugins) -> Prepared:
    """Migrate; make the demo organisation when there is no organisation at all.

    A plugin whose sample records can't be made is told on stderr: the others', and the login, are there all the same."""
    with contextlib.closing(migrator(config, plugins)) as tool:
        tool.upgrade()
    with build(config, plugins=plugins) as app:
        login = demo_login(app)
        paths = {owned.item.operation_id: owned.item.path for owned in app.routes()}
        types = plugins.record_types()
        return Prepared(plugins.label, login, paths.get(LOGIN), types[0].item.plural if types else None)


def welcome(config: Config, prepared: Prepared) -> str:
    """The greeting, plain text."""
    url = config.server.public_url
    lines = [f"Bharat serves {url} ({prepared.label})", ""]
    if prepared.login is not None:
        lines += [*login_lines(prepared.login, config.home), ""]
    lines += ["Three things to try:", f"  1. Open {url}/ in a browser."]
    number = 2
    if prepared.login is not None and prepared.login_path is not None:
        body = json.dumps({"email": prepared.login.email, "password": prepared.login.password})
        lines += [
            f"  2. Log in{f' and list {prepared.plural}' if prepared.plural else ''}:",
            f"       curl -c cookies -H 'Content-Type: application/json' -d {shlex.quote(body)} {url}{prepared.login_path}",
        ]
        if prepared.plural is not None:
            lines.append(f"       curl -b cookies '{url}/api/v1/{prepared.plural}?limit=3'")
        number = 3
    command = _command(config)
    org = f" --org {SLUG}" if prepared.login is not None else ""
    if prepared.plural is not None:
        lines += [
            f"  {number}. Import a CSV file of your own, first without writing anything:",
            f"       {command} import {prepared.plural} your-file.csv{org} --dry-run",
        ]
    else:
        lines += [
            f"  {number}. Add record types: see which plugins are installed, and enable one:",
            f"       {command} plugins",
        ]
    return "\n".join([*lines, "", "Ctrl-C stops it.", ""])


def demo_login(app: Bharat) -> Login | None:
    """The demo organisation's administrator: made with the sample records when there is no organisation at all, finished when
    making it was interrupted; `None` when the database holds organisations that are no demo."""
    found = app.database.read(None).rows(sa.select(organisations.c.id, organisations.c.slug).limit(2))
    if not found:
        return _make(app, create_organisation(app.database, "Demo", slug=SLUG, actor=SYSTEM))
    if len(found) == 1 and found[0].slug == SLUG and _first_user(app, found[0].id) is None:
        return _make(app, found[0].id)
    return _kept(app)


def _make(app: Bharat, organisation: UUID) -> Login:
    login = Login(organisation, EMAIL, secrets.token_urlsafe(12))
    # Kept before the user is made: a crash in between leaves no user whose password nobody knows.
    _keep(app.home / FILE, login)
    with app.database.write(organisation, SYSTEM) as unit:
        admin = create_user(
            unit,
            name="Demo Admin",
            role=Role.ADMIN,
            email=login.email,
            password_hash=app.accounts.passwords.hash(login.password),
        )
    try:
        app.plugins.fill_demo(app, organisation, admin)
    except PluginError as error:
        click.echo(f"bharat: warning: the demo lacks sample records: {error}", err=True)
    return login


def _kept(app: Bharat) -> Login | None:
    """The login that was made before, unless its user has gone from this database."""
    try:
        login = msgspec.json.decode((app.home / FILE).read_bytes(), type=Login)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return login if _first_user(app, login.organisation_id, login.email) is not None else None


def _first_user(app: Bharat, organisation: UUID, email: str | None = None) -> UUID | None:
    query = sa.select(users.c.id).where(users.c.deleted_at.is_(None)).limit(1)
    if email is not None:
        query = query.where(users.c.email == email)
    found: UUID | None = app.database.read(organisation).scalar(query)
    return found


def login_lines(login: Login, home: Path) -> list[str]:
    """The login as people read it."""
    return [
        f"  login     {login.email}",
        f"  password  {login.password}",
        f"            kept in {home / FILE}",
    ]


def _keep(path: Path, login: Login) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(login), indent=2) + b"\n")


def _command(config: Config) -> str:
    """How to call `bharat` from the same folder with the same configuration and data, in any terminal."""
    program = Path(sys.argv[0])
    if program.is_absolute() and program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    is_default = config.home == DEFAULT_HOME.absolute()
    told = [] if is_default else [f"BHARAT_HOME={shlex.quote(str(config.home))}"]
    told.append(shlex.quote(str(program)))
    found = find_file(None, {} if is_default else {"BHARAT_HOME": str(config.home)})
    if config.file is not None and (found is None or found.absolute() != config.file.absolute()):
        told.append(f"--config {shlex.quote(str(config.file))}")
    return " ".join(told)
