"""`bharat org`, `user`, `team` and `apikey`: what an operator does to accounts from the machine itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bharat.cli.base import Runtime, Summaries, pass_runtime, show_json, show_table
from bharat.contracts.errors import BharatError, Problem
from bharat.contracts.principal import SYSTEM, Role

if TYPE_CHECKING:
    import sqlalchemy as sa

    from bharat.app import Bharat
    from bharat.contracts.database import Unit

_ROLES = click.Choice([role.value for role in Role])
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_of_org = click.option("--org", metavar="SLUG", help="The organisation; may be left out when there is only one.")
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group(cls=Summaries)
def org() -> None:
    """Make and list organisations."""


@org.command("create")
@click.argument("name")
@click.option("--slug", help="Its short name in commands; else made from NAME.")
@_as_json
@pass_runtime
def org_create(runtime: Runtime, *, name: str, slug: str | None, as_json: bool) -> None:
    """Make an organisation. Then give it an administrator: `bharat user create --role admin --login`."""
    from bharat.accounts.seeding import create_organisation, slug_of

    with runtime.application() as app, _faults_told():
        slug = slug or slug_of(name)
        id = create_organisation(app.database, name, slug=slug, actor=SYSTEM)
    _say(as_json, {"id": id, "slug": slug, "name": name}, f"made the organisation {slug} ({id})")


@org.command("list")
@_as_json
@pass_runtime
def org_list(runtime: Runtime, *, as_json: bool) -> None:
    """List the organisations."""
    import sqlalchemy as sa

    from bharat.data.organisations import organisations

    with runtime.application() as app:
        rows = app.database.read(None).rows(sa.select(organisations).order_by(organisations.c.slug))
    _list(as_json, ("slug", "name", "id", "created_at"), rows)


@click.group(cls=Summaries)
def user() -> None:
    """Make, list and change users. WHO is an address, an id, or a name that only one user has."""


@user.command("create")
@click.argument("name")
@click.option("--role", type=_ROLES, default=Role.AGENT.value, show_default=True, help="What the user may do.")
@click.option("--email", metavar="ADDRESS", help="The user's address, to log in with and to send mails to.")
@click.option("--team", metavar="NAME", help="The user's team; made when there is none of this name.")
@click.option("--login", is_flag=True, help="Let the user log in with the address; asks for a password.")
@_from_stdin
@_of_org
@_as_json
@pass_runtime
def user_create(
    runtime: Runtime,
    *,
    name: str,
    role: str,
    email: str | None,
    team: str | None,
    login: bool,
    password_stdin: bool,
    org: str | None,
    as_json: bool,
) -> None:
    """Make a user. Without --login it is only somebody to give work to."""
    from bharat.accounts.logins import normal_email
    from bharat.accounts.seeding import create_user, find_or_create_team

    if (login or password_stdin) and email is None:
        raise click.UsageError("a login needs --email")
    address = normal_email(email) if email is not None else None
    with runtime.application() as app, _faults_told():
        organisation_id = _organisation(app, org)
        kept = _password(app, password_stdin, address, name) if login or password_stdin else None
        with app.database.write(organisation_id, SYSTEM) as unit:
            team_id = find_or_create_team(unit, team) if team is not None else None
            id = create_user(unit, name=name, role=Role(role), team_id=team_id, email=address, password_hash=kept)
    can = "who can log in" if kept is not None else "without a login"
    _say(as_json, {"id": id, "name": name, "role": role}, f"made the {role} {name} ({id}), {can}")


@user.command("list")
@_of_org
@_as_json
@pass_runtime
def user_list(runtime: Runtime, *, org: str | None, as_json: bool) -> None:
    """List the users of an organisation."""
    import sqlalchemy as sa

    from bharat.accounts.tables import teams, users
    from bharat.accounts.users import has_login

    with runtime.application() as app:
        statement = (
            sa.select(users, teams.c.name.label("team"), has_login().label("login"))
            .select_from(users.outerjoin(teams, teams.c.id == users.c.team_id))
            .where(users.c.deleted_at.is_(None))
            .order_by(users.c.id)
        )
        rows = app.database.read(_organisation(app, org)).rows(statement)
    _list(as_json, ("role", "active", "login", "id", "team", "email", "name"), rows)


@user.command("disable")
@click.argument("who")
@_of_org
@_as_json
@pass_runtime
def user_disable(runtime: Runtime, *, who: str, org: str | None, as_json: bool) -> None:
    """End a user's sessions and keys for good and let it log in no more, at once. `user enable` lets it log in again."""
    _change(runtime, who, org, as_json, {"active": False}, "disabled")


@user.command("enable")
@click.argument("who")
@_of_org
@_as_json
@pass_runtime
def user_enable(runtime: Runtime, *, who: str, org: str | None, as_json: bool) -> None:
    """Let a disabled user log in again."""
    _change(runtime, who, org, as_json, {"active": True}, "enabled")


@user.command("role")
@click.argument("who")
@click.argument("role", type=_ROLES)
@_of_org
@_as_json
@pass_runtime
def user_role(runtime: Runtime, *, who: str, role: str, org: str | None, as_json: bool) -> None:
    """Give a user another role; its sessions end."""
    _change(runtime, who, org, as_json, {"role": role}, f"{role} is now")


@user.command("password")
@click.argument("who")
@_from_stdin
@_of_org
@_as_json
@pass_runtime
def user_password(runtime: Runtime, *, who: str, password_stdin: bool, org: str | None, as_json: bool) -> None:
    """Set a user's password, and so give a login to one who has an address; its sessions end, and so does a lock after
    failed attempts."""
    from bharat.accounts.users import set_login

    with runtime.application() as app, _faults_told():
        organisation_id = _organisation(app, org)
        with app.database.write(organisation_id, SYSTEM) as unit:
            row = _user(unit, who)
        if row.email is None:
            raise BharatError(f"{row.name} has no address to log in with; give one with PATCH /api/v1/users/{row.id}")
        kept = _password(app, password_stdin, row.email, row.name)
        with app.database.write(organisation_id, SYSTEM) as unit:
            set_login(unit, row.id, row.email, kept)
        _forget_sessions(app, organisation_id, row.id)
        app.accounts.budgets.password_set(row.email)
    _say(as_json, {"id": row.id}, f"set the password of {row.name}")


@click.group(cls=Summaries)
def team() -> None:
    """Make and list teams."""


@team.command("create")
@click.argument("name")
@click.option("--lead", metavar="WHO", help="The user who leads it, by address, id or name.")
@click.option("--region", help="Where it works, in your own words.")
@_of_org
@_as_json
@pass_runtime
def team_create(
    runtime: Runtime, *, name: str, lead: str | None, region: str | None, org: str | None, as_json: bool
) -> None:
    """Make a team."""
    from bharat.accounts.teams import add_team

    with runtime.application() as app, _faults_told():
        organisation_id = _organisation(app, org)
        with app.database.write(organisation_id, SYSTEM) as unit:
            lead_id = _user(unit, lead).id if lead is not None else None
            id = add_team(unit, name=name, lead_id=lead_id, region=region)
    _say(as_json, {"id": id, "name": name}, f"made the team {name} ({id})")


@team.command("list")
@_of_org
@_as_json
@pass_runtime
def team_list(runtime: Runtime, *, org: str | None, as_json: bool) -> None:
    """List the teams of an organisation."""
    import sqlalchemy as sa

    from bharat.accounts.tables import teams, users

    with runtime.application() as app:
        statement = (
            sa.select(teams, users.c.name.label("lead"))
            .select_from(teams.outerjoin(users, users.c.id == teams.c.lead_id))
            .order_by(teams.c.name)
        )
        rows = app.database.read(_organisation(app, org)).rows(statement)
    _list(as_json, ("id", "region", "lead", "name"), rows)


@click.group(cls=Summaries)
def apikey() -> None:
    """Make, list and revoke API keys."""


@apikey.command("create")
@click.argument("who")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="What the key may do: deals:read, *:read or *, all that the user may. At least one; repeatable.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lives; without it, until it is revoked.")
@_of_org
@_as_json
@pass_runtime
def apikey_create(
    runtime: Runtime,
    *,
    who: str,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    org: str | None,
    as_json: bool,
) -> None:
    """Make a key for the user WHO. Its text is printed this once."""
    from bharat.accounts.keys import add_key

    with runtime.application() as app, _faults_told():
        checked = app.permissions.check_scopes(scopes)
        with app.database.write(_organisation(app, org), SYSTEM) as unit:
            until = unit.at + timedelta(days=days) if days is not None else None
            id, text = add_key(unit, _user(unit, who).id, name=name, scopes=checked, expires_at=until)
    _say(as_json, {"id": id, "key": text, "expires_at": until}, text)


@apikey.command("list")
@_of_org
@_as_json
@pass_runtime
def apikey_list(runtime: Runtime, *, org: str | None, as_json: bool) -> None:
    """List the keys of an organisation."""
    import sqlalchemy as sa

    from bharat.accounts.tables import api_keys, users

    with runtime.application() as app:
        statement = (
            sa.select(api_keys, users.c.name.label("owner"))
            .select_from(api_keys.join(users, users.c.id == api_keys.c.user_id))
            .where(api_keys.c.revoked_at.is_(None))
            .order_by(api_keys.c.id)
        )
        rows = app.database.read(_organisation(app, org)).rows(statement)
    _list(as_json, ("id", "hint", "expires_at", "last_used_at", "scopes", "owner", "name"), rows)


@apikey.command("revoke")
@click.argument("id", type=click.UUID)
@_of_org
@_as_json
@pass_runtime
def apikey_revoke(runtime: Runtime, *, id: UUID, org: str | None, as_json: bool) -> None:
    """End a key at once."""
    from bharat.accounts.keys import revoke_key

    with runtime.application() as app, _faults_told():
        organisation_id = _organisation(app, org)
        with app.database.write(organisation_id, SYSTEM) as unit:
            revoke_key(unit, id, owner_id=None)
    _say(as_json, {"id": id}, f"revoked {id}")


class _faults_told:  # noqa: N801 - a context manager, read as a phrase
    """Makes a problem one line that says which values it means: a command line has no list of faults."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Problem) and error.faults:
            told = "; ".join(f"{fault.path.strip('/')} {fault.detail}" for fault in error.faults)
            raise BharatError(f"{error.detail} {told}") from error


def _organisation(app: Bharat, slug: str | None) -> UUID:
    from bharat.cli.acting import organisation_called

    return organisation_called(app.database, slug)


def _user(unit: Unit, who: str) -> sa.Row[Any]:
    """The one user of this address, id or name. Raises `BharatError`."""
    import sqlalchemy as sa

    from bharat.accounts.tables import users
    from bharat.data.row_locks import locked

    try:
        named = users.c.id == UUID(who)
    except ValueError:
        named = users.c.email == who.strip().lower() if "@" in who else users.c.name == who
    statement = sa.select(users).where(named, users.c.deleted_at.is_(None)).limit(2)
    found = unit.rows(locked(statement, "change"))
    if not found:
        raise BharatError(f"the organisation has no user {who!r}; `bharat user list` shows them")
    if len(found) > 1:
        raise BharatError(f"several users are called {who!r}; name one by id, from `bharat user list`")
    return found[0]


def _change(runtime: Runtime, who: str, org: str | None, as_json: bool, values: dict[str, Any], verb: str) -> None:
    from bharat.accounts.users import change_user, find_user

    with runtime.application() as app, _faults_told():
        organisation_id = _organisation(app, org)
        with app.database.write(organisation_id, SYSTEM) as unit:
            row = _user(unit, who)
            change_user(unit, row, values)
            ended = find_user(unit, row.id).epoch != row.epoch
        if ended:
            _forget_sessions(app, organisation_id, row.id)
    _say(as_json, {"id": row.id, **values}, f"{verb} {row.name}")


def _forget_sessions(app: Bharat, organisation_id: UUID, user_id: UUID) -> None:
    """Clear the store of sessions that a raised epoch has ended."""
    from bharat.accounts.ending import forget_sessions

    forget_sessions(app.accounts, organisation_id, user_id)


def _password(app: Bharat, from_stdin: bool, email: str | None, name: str) -> str:
    """The hash of a password that is read or asked for; it is never an argument, which every user of the machine can see."""
    if from_stdin:
        text = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise click.UsageError("there is no terminal to ask for the password: pipe it in with --password-stdin")
    app.accounts.passwords.check(text, email=email, name=name)
    return app.accounts.passwords.hash(text)


def _say(as_json: bool, value: dict[str, Any], line: str) -> None:
    if as_json:
        show_json(value)
    else:
        click.echo(line)


def _list(as_json: bool, columns: tuple[str, ...], rows: Iterable[Any]) -> None:
    found = [{column: getattr(row, column) for column in columns} for row in rows]
    if as_json:
        show_json(found)
    else:
        show_table(
            [column.upper() for column in columns], [[_cell(row[column]) for column in columns] for row in found]
        )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value)
