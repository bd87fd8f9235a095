"""The data that every contender reads and writes: one organisation, one agent with an API key, many contacts of theirs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.keys import add_key
from bharat.accounts.seeding import create_organisation, create_user, find_or_create_team
from bharat.app import Bharat, load_plugins, migrator
from bharat.config import Config, load
from bharat.contracts.principal import SYSTEM, Role
from bharat.data import new_id
from bharat.data.engine import parse_url
from bharat.data.role import create_application_role
from bharat_local_servers import Postgres

TITLES = ("Buyer", "Engineer", "Director", "Accountant", "Assistant")
BATCH = 5000


@dataclass(frozen=True)
class Dataset:
    """`url` is the application's, `owner_url` its tables' owner's; `environ` configures Bharat; `contact_ids` are some that
    exist."""

    dialect: str
    url: str
    owner_url: str
    environ: dict[str, str]
    api_key: str
    contact_ids: tuple[UUID, ...]
    rows: int


@contextmanager
def database_server(dialect: str) -> Iterator[Postgres | None]:
    """PostgreSQL for one or more datasets; nothing for SQLite."""
    if dialect == "sqlite":
        yield None
        return
    # Durable as in production: what a commit waits for is part of the work.
    with Postgres(durable=True, settings={"shared_buffers": "512MB", "max_wal_size": "4GB"}) as server:
        yield server


def prepared(server: Postgres | None, rows: int, folder: Path) -> Dataset:
    """A migrated database with `rows` contacts, as the application's role sees it. Its files lie in `folder`."""
    environ = {
        "BHARAT_PLUGINS": "crm",
        "BHARAT_HOME": str(folder / f"home{rows}"),
        "BHARAT_LOG__LEVEL": "warning",
        "BHARAT_WORKER__IN_PROCESS": "false",
        "BHARAT_DATABASE__POOL_SIZE": "8",
    }
    if server is None:
        environ["DATABASE_URL"] = f"sqlite:///{folder / f'{rows}.sqlite3'}"
        return _filled(environ, "sqlite", rows, environ["DATABASE_URL"])
    owner = server.create_database(f"bench_{rows}")
    environ["BHARAT_DATABASE__MIGRATION_URL"] = owner
    environ["DATABASE_URL"] = create_application_role(owner, f"bharat_app_{rows}")
    return _filled(environ, "postgresql", rows, owner)


def _filled(environ: dict[str, str], dialect: str, rows: int, owner_url: str) -> Dataset:
    config: Config = load(None, environ)
    plugins = load_plugins(config)
    tool = migrator(config, plugins)
    tool.upgrade()
    tool.close()
    app = Bharat(config, plugins)
    try:
        organisation = create_organisation(app.database, "Bench", slug="bench", actor=SYSTEM)
        with app.database.write(organisation, SYSTEM) as unit:
            team = find_or_create_team(unit, "Team")
            agent = create_user(unit, name="Agent", role=Role.AGENT, team_id=team)
            _, key = add_key(unit, agent, name="bench", scopes=["*"])
        ids = _fill(app, organisation, agent, team, rows)
    finally:
        app.close()
    _analyse(owner_url)
    return Dataset(dialect, config.database.url.reveal(), owner_url, environ, key, tuple(ids), rows)


def _fill(app: Bharat, organisation: UUID, agent: UUID, team: UUID, rows: int) -> list[UUID]:
    resource = app.records.records("contact").resource
    table = resource.table
    kept: list[UUID] = []
    numbers = iter(range(rows))
    while batch := list(itertools.islice(numbers, BATCH)):
        with app.database.write(organisation, SYSTEM) as unit:
            records = []
            for number in batch:
                record = {
                    "id": new_id(), "version": 1, "created_at": unit.at, "created_by": agent, "updated_at": unit.at,
                    "updated_by": agent, "deleted_at": None, "owner_id": agent, "team_id": team, "custom": {},
                    "name": f"Person {number}", "email": f"person{number}@example.com", "phone": None,
                    "job_title": TITLES[number % len(TITLES)], "company_id": None, "description": "Met at the fair.",
                }  # fmt: skip
                records.append({**record, **resource.derived(record)})
            unit.execute(table.insert(), records)
            if len(kept) < 1000:
                kept.extend(record["id"] for record in records[:100])
    return kept


def _analyse(owner_url: str) -> None:
    """What autovacuum does in time: statistics, and pages marked visible."""
    engine = sa.create_engine(parse_url(owner_url), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")
