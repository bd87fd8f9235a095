"""The database as a command finds it: what it is called, whether it answers, and whether it is migrated."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bharat.app import engine_options, schema_of
from bharat.contracts.errors import BharatError, Unavailable
from bharat.data.engine import EngineOptions, parse_url
from bharat.data.migrations import Migrator
from bharat.data.migrations.runner import MigrationError

if TYPE_CHECKING:
    from bharat.config import Config
    from bharat.data.schema import Schema
    from bharat.plugins import Plugins


def require_migrated(config: Config, plugins: Plugins) -> None:
    """Raise `BharatError`, before anything is made, when the database does not answer or revisions are pending."""
    count = _pending(config, schema_of(plugins))
    if count:
        raise BharatError(
            f"the database {called(config)} is not migrated ({count} revision{'s' * (count != 1)} pending): run "
            f"`bharat migrate`{'; is another home meant? set BHARAT_HOME' if _is_of_home(config) else ''}"
        )


@contextmanager
def told_by_name(config: Config) -> Iterator[None]:
    """Add which database it is to an error that says that it does not answer."""
    try:
        yield
    except Unavailable as error:
        if not isinstance(error.__cause__, sa.exc.SQLAlchemyError):
            raise
        raise BharatError(f"{error} It is {called(config)}.") from error


def called(config: Config) -> str:
    """The database's name for people, never its password: a file, or `crm on db.example.com port 5432`."""
    url = parse_url(config.database.url.reveal())
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    # A URL of libpq's may have them among its parameters, and several hosts there.
    host, port = (url.query.get(name, given) for name, given in (("host", url.host), ("port", url.port)))
    return f"{url.database or 'of the user'} on {_joined(host) or 'this machine'} port {_joined(port) or 5432}"


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")


def _pending(config: Config, schema: Schema) -> int:
    options = engine_options(config)
    url = parse_url(options.url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        # Everything. A connection would make the file, in a folder that is perhaps not meant.
        with tempfile.TemporaryDirectory() as folder:
            return _count(schema, EngineOptions(url=f"sqlite:///{folder}/none.sqlite3"))
    try:
        return _count(schema, options)
    except MigrationError as error:
        if not isinstance(error.__cause__, sa.exc.OperationalError):
            raise
        reason = str(error).partition(": ")[2]
        raise BharatError(f"the database {called(config)} can't be reached: {reason}") from error


def _count(schema: Schema, options: EngineOptions) -> int:
    with closing(Migrator(schema, options)) as migrator:
        return len(migrator.pending())


def _is_of_home(config: Config) -> bool:
    return config.database.url.reveal() == f"sqlite:///{config.home / 'bharat.sqlite3'}"
