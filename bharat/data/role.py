"""The application's role on PostgreSQL: it owns no table, so row-level security binds it."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from bharat.contracts.errors import ConfigError
from bharat.data.engine import parse_url
from bharat.data.schema import Schema

DEFAULT_ROLE = "bharat_app"


def create_application_role(owner_url: str, name: str = DEFAULT_ROLE, password: str | None = None) -> str:
    """Make the application's role with the owner's URL, as pasted from a provider, and return the application's URL.

    An existing role gets the new password. The role can log in, and use the schema; grants on tables follow each migration.
    Raises `ConfigError` when the owner may not create roles, and for a role that row-level security would not bind."""
    url = parse_url(owner_url)
    if url.get_backend_name() != "postgresql":
        raise ConfigError("roles exist on PostgreSQL only: give its owner's URL")
    if name == url.username:
        raise ConfigError(f"the role {name!r} owns the tables: give the application's role another name")
    secret = password or secrets.token_urlsafe(24)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            quoted = _quote(connection, name)
            exists = connection.execute(
                sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}
            ).scalar()
            # Only the salted hash travels: servers may log the statement.
            driver: Any = connection.connection.dbapi_connection
            verifier = driver.pgconn.encrypt_password(secret.encode(), name.encode(), b"scram-sha-256").decode()
            verb = "ALTER" if exists else "CREATE"
            connection.exec_driver_sql(f"{verb} ROLE {quoted} LOGIN PASSWORD '{verifier}'".replace("%", "%%"))
            if fault := role_fault(connection, name):
                raise ConfigError(f"the role {name!r} can't be the application's: {fault}; choose another name")
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {quoted}")
            connection.exec_driver_sql(
                f"GRANT CONNECT ON DATABASE {_quote(connection, url.database or '')} TO {quoted}"
            )
    except sa.exc.SQLAlchemyError as error:
        cause = type(getattr(error, "orig", error)).__name__
        raise ConfigError(
            f"the role {name!r} could not be made ({cause}): the URL must be that of a role that may create roles, "
            "and its server must answer"
        ) from None
    finally:
        engine.dispose()
    return url.set(drivername="postgresql", username=name, password=secret).render_as_string(hide_password=False)


def grant_to_application(connection: sa.Connection, schema: Schema, role: str) -> None:
    """Give the application's role exactly what it needs on every table: nothing on others, no change of the append-only."""
    if role == connection.execute(sa.select(sa.func.current_user())).scalar():
        return
    if not connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": role}).scalar():
        raise ConfigError(f"the application's role {role!r}, named in database.url, does not exist: make it first")
    quoted = _quote(connection, role)
    existing = set(sa.inspect(connection).get_table_names())
    tables = [table for table in schema.metadata.sorted_tables if table.name in existing]
    appended = [table.name for table in tables if table.info.get("append_only")]
    changed = [table.name for table in tables if not table.info.get("append_only")]
    versions = [name for line in schema.lines if (name := f"bharat_version_{line.plugin}") in existing]
    for rights, names in (
        ("SELECT, INSERT", appended),
        ("SELECT, INSERT, UPDATE, DELETE", changed),
        ("SELECT", versions),
    ):
        if names:
            listed = ", ".join(_quote(connection, name) for name in names)
            connection.exec_driver_sql(f"REVOKE ALL ON {listed} FROM {quoted}")
            connection.exec_driver_sql(f"GRANT {rights} ON {listed} TO {quoted}")


def role_fault(connection: sa.Connection, role: str | None = None) -> str | None:
    """Why row-level security would not bind a role, by default this connection's, or `None` when it does."""
    name = role or connection.execute(sa.select(sa.func.current_user())).scalar()
    row = connection.execute(
        sa.text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = :name"), {"name": name}
    ).one_or_none()
    if row is not None and (row.rolsuper or row.rolbypassrls):
        return "it is a superuser or may bypass row-level security"
    # Whoever has the owner's privileges, as a member of its role has, is treated like the owner.
    owned = connection.execute(
        sa.text(
            "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = current_schema() AND relname = 'organisations' AND relkind IN ('r', 'p') "
            "AND pg_has_role(:name, relowner, 'USAGE')"
        ),
        {"name": name},
    ).scalar()
    return "it owns the tables" if owned else None


def _quote(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
