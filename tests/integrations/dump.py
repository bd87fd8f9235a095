"""Everything that a database holds, as whoever steals it would see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bharat.data.engine import parse_url
from bharat_local_servers import ServerUnavailable
from bharat_local_servers.postgres_binary import find_postgres
from bharat_local_servers.pytest_fixtures import missing
from tests.fixtures.application import Site


def dumped(site: Site) -> bytes:
    """The files of a SQLite database, or what `pg_dump` writes as the owner of the tables."""
    assert site.owner is not None
    if site.app.database.dialect == "sqlite":
        path = Path(parse_url(site.owner.url).database or "")
        return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    try:
        program = find_postgres().folder / "pg_dump"
    except ServerUnavailable as error:
        missing(str(error))
    return subprocess.run(
        [program, "--schema=public", f"--dbname={site.owner.url}"], check=True, capture_output=True
    ).stdout


def holds(dump: bytes, secret: str) -> bool:
    """Whether the secret stands in it, as text or as the hexadecimal digits of a column of bytes."""
    return secret.encode() in dump or secret.encode().hex().encode() in dump.lower()
