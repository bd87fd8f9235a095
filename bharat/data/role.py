"""The application's role on PostgreSQL: it owns no table, so row-level security binds it."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from bharat.contracts.errors import ConfigError
from bharat.data.engine import parse_url
from bharat.data.schema import Schema

DEFAULT_ROLE = "bharat_app"


def create_application_role(owner_url: str, name: str = DEFAULT_ROLE, password: str | None = None) -> str:
    """Make the application's role with the owner's URL, as pasted from a provider, and return the application's URL.

    An existing role gets the new password. The role can log in, and use the schema; grants on tables follow each migration.
    Raises `ConfigError` when the owner may not create roles."""
    url = parse_url(owner_url)
    if url.get_backend_name() != "postgresql":
        raise ConfigError("roles exist on PostgreSQL only: give its owner's URL")
    secret = password or secrets.token_urlsafe(24)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            quoted = _quote(connection, name)
            exists = connection.execute(
                sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}
            ).scalar()
            literal = "'" + secret.replace("'", "''") + "'"
            verb = "ALTER" if exists else "CREATE"
            connection.exec_driver_sql(
                f"{verb} ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {literal}".replace("%", "%%")
            )
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
    quoted = _quote(connection, role)
    for table in schema.metadata.sorted_tables:
        name = _quote(connection, table.name)
        rights = "SELECT, INSERT" if table.info.get("append_only") else "SELECT, INSERT, UPDATE, DELETE"
        connection.exec_driver_sql(f"REVOKE ALL ON {name} FROM {quoted}")
        connection.exec_driver_sql(f"GRANT {rights} ON {name} TO {quoted}")
    for line in schema.lines:
        name = f"bharat_version_{line.plugin}"
        if sa.inspect(connection).has_table(name):
            connection.exec_driver_sql(f"GRANT SELECT ON {_quote(connection, name)} TO {quoted}")


def role_fault(connection: sa.Connection) -> str | None:
    """Why row-level security would not bind this connection's role, or `None` when it does."""
    row = connection.execute(
        sa.text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    ).one_or_none()
    if row is not None and (row.rolsuper or row.rolbypassrls):
        return "it is a superuser or may bypass row-level security"
    owned = connection.execute(
        sa.text(
            "SELECT 1 FROM pg_class WHERE relname = 'organisations' AND relkind = 'r' "
            "AND pg_get_userbyid(relowner) = current_user"
        )
    ).scalar()
    return "it owns the tables" if owned else None


def _quote(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
