"""The database and its owner: a role like the one that a managed PostgreSQL hands out."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bharat_dev_cluster.configuration import write_private
from bharat_local_servers import Postgres

DATABASE = "bharat"


def owner_url(postgres: Postgres) -> str:
    """Make the database and its owner if they aren't there, and return the owner's URL. The owner is no superuser, and may
    create roles."""
    password = _password(postgres.folder / "owner.password")
    owner = f"{DATABASE}_owner"
    with psycopg.connect(postgres.url, autocommit=True, connect_timeout=10) as connection:

        def run(text: str, *names: str, literal: str | None = None) -> None:
            parts: list[sql.Composable] = [sql.Identifier(name) for name in names]
            if literal is not None:
                parts.append(sql.Literal(literal))
            connection.execute(sql.SQL(text).format(*parts))

        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone()
        verb = "ALTER" if exists else "CREATE"
        run(verb + " ROLE {} LOGIN CREATEROLE NOSUPERUSER PASSWORD {}", owner, literal=password)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            run("CREATE DATABASE {} OWNER {}", DATABASE, owner)
    parts = urlsplit(postgres.url)
    place = f"{owner}:{quote(password, safe='')}@127.0.0.1:{postgres.port}"
    return urlunsplit(parts._replace(netloc=place, path=f"/{DATABASE}"))


def _password(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")
