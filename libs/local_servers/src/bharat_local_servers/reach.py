"""Let the unprivileged user that replaces root reach a program or a folder that only root can reach."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bharat_local_servers.spawning import UNPRIVILEGED, is_root

SYSTEM_CACHE = Path("/var/cache/bharat-local-servers")
"""Where root keeps copies of programs that lie in a folder closed to others, such as a checkout under /root."""


def reachable(path: Path) -> bool:
    """Whether every folder above `path` lets other users pass."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def reachable_copy(folders: list[Path], version: str) -> Path:
    """Copy sibling folders below SYSTEM_CACHE once per version; returns the folder that holds the copies."""
    cache = SYSTEM_CACHE
    target = cache / version
    if not target.exists():
        cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=cache))
        try:
            for folder in folders:
                shutil.copytree(folder, partial / folder.name, symlinks=True)
            partial.chmod(0o755)
            with contextlib.suppress(OSError):  # another process was first: its copy is as good
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[tuple[Path, list[int]]]:
    """The path by which the server can name its own `folder`, and the descriptors it must inherit.

    For root that is /proc/self/fd/N: we open the folder, the server inherits the descriptor, and so the closed
    folders above it (/root, pytest's temporary folder) need not be opened to others.
    """
    if not is_root():
        yield folder, []
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield Path(f"/proc/self/fd/{descriptor}"), [descriptor]
    finally:
        os.close(descriptor)


def make_data_folder(folder: Path) -> None:
    """Create the folder for its server's user alone; one that exists is handed over with all it holds."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_root() and folder.stat().st_uid != UNPRIVILEGED:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED, follow_symlinks=False)
