"""Databases of a server, made and dropped by its superuser."""

from abc import ABC, abstractmethod
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bharat_local_servers.errors import ServerFailed


class Databases(ABC):
    """Makes and drops databases on the server whose superuser `url` names; no connection is kept open."""

    @property
    @abstractmethod
    def url(self) -> str:
        """`postgresql://user:password@host:port/database` of a role that may create databases."""

    def database_url(self, name: str) -> str:
        """The superuser's URL for another database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{quote(name, safe='')}"))

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create it, empty or as a copy of `template`, to which nobody may be connected; returns its URL.

        Raises ServerFailed when it exists, when the template is in use, or when the server does not answer.
        """
        statement = sql.SQL("CREATE DATABASE {}").format(_identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(_identifier(template))
        self._execute(statement, f"create the database {name!r}")
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop it and end its connections; one that does not exist is no error."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_identifier(name))
        self._execute(statement, f"drop the database {name!r}")

    def _execute(self, statement: sql.Composed, purpose: str) -> None:
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
                connection.execute(statement)
        except psycopg.Error as error:
            raise ServerFailed(f"PostgreSQL could not {purpose}: {str(error).strip()}") from error


def _identifier(name: str) -> sql.Identifier:
    if not name or len(name.encode()) > 63 or "\0" in name:
        raise ValueError(f"a database name has 1 to 63 bytes and no NUL; this one is {name!r}")
    return sql.Identifier(name)
