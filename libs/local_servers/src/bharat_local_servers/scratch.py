"""Temporary folders that do not outlive their process for long, even if it was killed."""

import contextlib
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

from bharat_local_servers import processes
from bharat_local_servers.shared_memory import remove_leftovers

_PREFIX = "bls"


def _namespace() -> int:
    """Which process-id namespace we live in: containers may share /tmp, but not their process ids."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def make_scratch(kind: str) -> Path:
    """A new folder under the system's temporary folder, named after the process that owns it."""
    sweep()
    pid = os.getpid()
    owner = f"{_PREFIX}-{_namespace()}-{pid}-{processes.started(pid)}-{kind}-"
    folder = Path(tempfile.mkdtemp(prefix=owner))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # nginx workers, which run as another user, must pass through to their temporary files
    return folder


def sweep() -> None:
    """Remove the scratch folders of this user whose process is gone, and a server that still runs in one."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*-*-*-*-*"):
        with contextlib.suppress(OSError, ValueError):
            _, namespace, pid, start, *_ = folder.name.split("-")
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or int(namespace) != _namespace():
                continue
            if processes.started(int(pid)) == int(start):
                continue
            _kill_recorded(folder)
            remove_leftovers(folder / "data")
            shutil.rmtree(folder, ignore_errors=True)


def _kill_recorded(folder: Path) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((folder / "server.json").read_text())
        if processes.started(record["pid"]) == record["started"]:
            processes.kill_tree(record["pid"])
