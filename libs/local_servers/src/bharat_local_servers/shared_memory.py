"""The System V segment that a killed PostgreSQL leaves in the kernel."""

import contextlib
import subprocess
from pathlib import Path

from bharat_local_servers import spawning


def lock_file(data: Path) -> list[str]:
    """The lines of postmaster.pid: process id first, System V key and id in line 7, status in line 8 (pidfile.h)."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def remove_leftovers(data: Path) -> None:
    """Free the segment of a server that was killed in `data`, and its lock file; the server must be gone."""
    lines = lock_file(data)
    words = lines[6].split() if len(lines) >= 7 else []
    if len(words) == 2 and _is_abandoned(key=int(words[0]), identifier=int(words[1])):
        # By its owner: root in a container has no CAP_SYS_ADMIN, without which others' segments stay (shmctl(2)).
        argv = spawning.command(["ipcrm", "--shmem-id", words[1]], death_signal=None, drop=True)
        with contextlib.suppress(FileNotFoundError):  # no ipcrm: 56 bytes stay until the next start or boot
            subprocess.run(argv, env=spawning.environment(), check=False, capture_output=True, timeout=10)
    # The process id in it may be another process's by the next start, which would then be refused.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _is_abandoned(*, key: int, identifier: int) -> bool:
    """Whether the segment still is the one the file speaks of, with nobody attached (sysvipc(7))."""
    try:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    except OSError:
        return False
    for line in lines[1:]:
        fields = line.split()
        if int(fields[0]) == key and int(fields[1]) == identifier:
            return fields[6] == "0"
    return False
