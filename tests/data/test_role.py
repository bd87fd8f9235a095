"""The application's role is made from the owner's URL, and is never one that row-level security does not bind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa
from psycopg import sql

from bharat.contracts.errors import ConfigError
from bharat.data import BharatDatabase, new_id
from bharat.data.engine import EngineOptions, create_engine, parse_url
from bharat.data.migrations import Migrator
from bharat.data.role import create_application_role, role_fault
from bharat.data.schema import Schema
from tests.fixtures.databases import make_organisation
from tests.fixtures.servers import Migrated, PostgresqlDatabases

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])


def pasted(options: EngineOptions, scheme: str = "postgres") -> str:
    """The owner's URL as a provider shows it."""
    url = parse_url(options.url).set(drivername=scheme).update_query_dict({"sslmode": "prefer"})
    return url.render_as_string(hide_password=False)


@pytest.fixture
def role(dialect: str, postgresql_databases: PostgresqlDatabases) -> Iterator[str]:
    """A name that no role has; the role is gone afterwards."""
    name = f"bharat test {new_id().hex}"
    yield name
    admin = postgresql_databases.admin
    if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def fault(url: str) -> str | None:
    engine = create_engine(EngineOptions(url))
    try:
        with engine.connect() as connection:
            return role_fault(connection)
    finally:
        engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_pasted_url_gives_an_application_that_works_after_migrating(
    role: str, empty_database: Migrated, core_schema: Schema, scheme: str,
    open_database: Callable[[EngineOptions], BharatDatabase],
) -> None:  # fmt: skip
    url = create_application_role(pasted(empty_database.owner, scheme), role)
    assert url.startswith("postgresql://")
    assert "sslmode=prefer" in url
    with closing(Migrator(core_schema, empty_database.owner, application_role=role)) as migrator:
        migrator.upgrade()
    assert fault(url) is None
    make_organisation(open_database(EngineOptions(url)), "acme")


@pytest.mark.parametrize("password", ['it\'s 100% "odd" \\ pass:word/@?#', "plain"])
def test_any_password_works_and_making_the_role_again_changes_it(
    role: str, empty_database: Migrated, password: str
) -> None:
    first = create_application_role(pasted(empty_database.owner), role, password)
    assert fault(first) is None
    second = create_application_role(pasted(empty_database.owner), role)
    assert fault(second) is None
    assert parse_url(second).password not in (None, password)
    with pytest.raises(sa.exc.OperationalError):
        fault(first)


def test_the_password_does_not_travel_in_the_statement(
    role: str, empty_database: Migrated, postgresql_databases: PostgresqlDatabases
) -> None:
    """Servers log statements; the catalogue holds what was sent."""
    create_application_role(pasted(empty_database.owner), role, "hunter2")
    held = postgresql_databases.admin.execute(
        "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (role,)
    ).fetchone()
    assert held is not None
    assert held[0].startswith("SCRAM-SHA-256$")


def test_the_owner_is_not_made_the_application(empty_database: Migrated) -> None:
    owner = parse_url(empty_database.owner.url).username
    assert owner is not None
    with pytest.raises(ConfigError, match="owns the tables: give the application's role another name"):
        create_application_role(pasted(empty_database.owner), owner)


def test_a_role_that_may_create_none_is_told_so_without_its_url(role: str, migrated_core: Migrated) -> None:
    with pytest.raises(ConfigError, match="must be that of a role that may create roles") as caught:
        create_application_role(pasted(migrated_core.application), role)
    assert str(parse_url(migrated_core.application.url).password) not in str(caught.value)


def test_a_server_that_does_not_answer_is_told_without_its_url(dialect: str) -> None:
    with pytest.raises(ConfigError, match="its server must answer") as caught:
        create_application_role("postgres://me:hunter2@127.0.0.1:1/name")
    assert "hunter2" not in str(caught.value)


def test_sqlite_has_no_roles(dialect: str) -> None:
    with pytest.raises(ConfigError, match="exist on PostgreSQL only"):
        create_application_role("sqlite:///x.sqlite3")


def test_roles_that_row_level_security_does_not_bind_are_found(
    role: str, migrated_core: Migrated, postgresql_databases: PostgresqlDatabases
) -> None:
    assert fault(migrated_core.application.url) is None
    assert fault(migrated_core.owner.url) == "it owns the tables"
    admin = postgresql_databases.admin
    owner = parse_url(migrated_core.owner.url)
    url = owner.set(username=role, password="plain").render_as_string(hide_password=False)
    for change, says in (
        ("CREATE ROLE {role} LOGIN PASSWORD 'plain'", None),
        ("GRANT {owner} TO {role}", "it owns the tables"),
        ("ALTER ROLE {role} BYPASSRLS", "it is a superuser or may bypass row-level security"),
        ("ALTER ROLE {role} NOBYPASSRLS SUPERUSER", "it is a superuser or may bypass row-level security"),
    ):
        admin.execute(sql.SQL(change).format(owner=sql.Identifier(str(owner.username)), role=sql.Identifier(role)))
        assert fault(url) == says
    admin.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(sql.Identifier(role)))


def test_an_existing_role_that_row_level_security_does_not_bind_is_refused(
    role: str, empty_database: Migrated, postgresql_databases: PostgresqlDatabases
) -> None:
    create_application_role(pasted(empty_database.owner), role)
    postgresql_databases.admin.execute(sql.SQL("ALTER ROLE {} BYPASSRLS").format(sql.Identifier(role)))
    with pytest.raises(
        ConfigError, match=r"can't be the application's: it is a superuser or may bypass .* another name"
    ):
        create_application_role(pasted(empty_database.owner), role)
